# frozen_string_literal: true

module Proxy
  class DSL
    # A configuration in several files.
    module Inclusion
      # Reads other files as if what they say stood here, inside of a location too. Mistakes in them are told with their own names and
      # lines, and a reload reads them again.
      #
      # A relative path starts from the folder of the file that says it: the names of files here, and what a file that is read names,
      # such as a certificate. A pattern reads what it matches in the order of the alphabet, and it is a warning if that is nothing;
      # a file that is not there is an error. Local variables of one file are not seen in another; methods and constants are.
      #
      # @param files [Array<String>] names of files, or patterns such as `"sites/*.rb"`
      # @example
      #   include "sites/*.rb"
      #   include "limits.rb", "/etc/proxy/shared.rb"
      def include(*files, **options, &block)
        place = @__draft.place(:include)
        place.no_block if block
        Options::INCLUDE.read(options, place)
        modules, files = files.flatten.partition { |file| file.is_a?(Module) }
        modules.each { |one| place.error("#{one} is a module: write extend #{one} to have its methods here") }
        return if files.empty? && modules.any?

        names = Options::INCLUDE.takes.read(files, place)
        names.each { |name| include_pattern(name, place) } unless names.equal?(INVALID)
        nil
      end

      private

      def include_pattern(name, place)
        return place.error("the name of the file is empty: write #{Options::INCLUDE.takes.hint}") if name.empty?
        return place.error("#{Spelling.show(name)} has a NUL byte in it: write #{Options::INCLUDE.takes.hint}") if name.include?("\0")

        path = FilePath.expand(name, place.directory)
        return place.error("#{name.inspect} is a folder: write #{File.join(name, "*.rb").inspect}") if File.directory?(path)
        return include_file(name, place) if File.exist?(path)

        found = files_matching(name, place)
        return found.each { |file| include_file(file, place) } unless found.empty?
        return place.warning("#{name.inspect} matches no file in #{place.directory}: correct it, or leave it out") if name.match?(/[*?\[{]/)

        place.error("#{name.inspect} does not exist (looked at #{path}): write the name of a file, or leave it out")
      end

      # The files that match, in the order of the alphabet.
      def files_matching(pattern, place)
        found = Dir.glob(pattern.b, base: place.directory.b).map { |file| FilePath.text(file) }
        found.select { |file| File.file?(FilePath.expand(file, place.directory)) }
      end

      def include_file(file, place)
        named = place.named(file)
        wrong = @__draft.include_file(self, FilePath.expand(file, place.directory), named)
        place.error("#{named} #{wrong}") if wrong
      end
    end
  end
end
