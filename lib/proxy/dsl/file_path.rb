# frozen_string_literal: true

module Proxy
  class DSL
    # Paths of files. To the system they are bytes, whatever the locale says of them, and to us they are text in UTF-8,
    # as the sources that name them.
    # @api private
    module FilePath
      # The path as text in UTF-8, if its bytes are that. A locale such as C calls everything beyond ASCII something
      # else.
      def self.text(path)
        return path if path.encoding == Encoding::UTF_8 || path.ascii_only?

        read = path.dup.force_encoding(Encoding::UTF_8)
        read.valid_encoding? ? read : path
      end

      # The path without links, by which two names of one file are told; the path itself where the system knows none.
      def self.real(path)
        text(File.realpath(path))
      rescue SystemCallError
        path
      end

      # The absolute path of `path`, which starts from `directory`, or else from the working directory, if it is
      # relative. The working directory may be gone, and is not asked for in vain. A `~name` of nobody is a name like
      # any other.
      def self.expand(path, directory = nil)
        text(directory ? File.expand_path(path.b, directory.b) : File.expand_path(path.b))
      rescue ArgumentError
        raise unless path.start_with?("~")

        expand("./#{path}", directory)
      end
    end
  end
end
