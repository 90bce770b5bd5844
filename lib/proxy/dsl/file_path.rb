# frozen_string_literal: true

module Proxy
  class DSL
    # Paths of files. The system treats them as bytes, whatever the locale is; here they are UTF-8, as the sources that
    # name them.
    # @api private
    module FilePath
      # The path with encoding UTF-8, if its bytes are valid UTF-8. A locale such as C gives it another encoding.
      def self.text(path)
        return path if path.encoding == Encoding::UTF_8 || path.ascii_only?

        read = path.dup.force_encoding(Encoding::UTF_8)
        read.valid_encoding? ? read : path
      end

      # The path without symbolic links, to compare two names of one file; the path itself if it cannot be resolved.
      def self.real(path)
        text(File.realpath(path))
      rescue SystemCallError
        path
      end

      # The absolute path of `path`. A relative path starts from `directory`, or from the working directory without one.
      # The working directory is read only if needed, since it may be deleted. `~name` of an unknown user is an ordinary
      # name.
      def self.expand(path, directory = nil)
        text(directory ? File.expand_path(path.b, directory.b) : File.expand_path(path.b))
      rescue ArgumentError
        raise unless path.start_with?("~")

        expand("./#{path}", directory)
      end
    end
  end
end
