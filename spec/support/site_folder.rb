# frozen_string_literal: true

# Files of a site, in a folder of the example's own.
module SiteFolder
  # The folder.
  def site = "#{directory}/site"

  # Writes a file below it, and returns its path.
  def write(name, text = name)
    path = "#{site}/#{name}"
    FileUtils.mkdir_p(File.dirname(path))
    File.write(path, text)
    path
  end
end
