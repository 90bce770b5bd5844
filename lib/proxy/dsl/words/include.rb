# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Reads other files as a part of this one.
      class Include < Word
        prose "Reads other files as if their content were written here."
        details <<~TEXT
          Mistakes in them are told with their own names and lines, and a reload reads them again. A relative path
          starts from the folder of the file that says it. A pattern reads what it matches in the order of the
          alphabet, and it is a warning if that is nothing; a file that is not there is an error. Local variables of
          one file are not seen in another; methods and constants are.
        TEXT
        example <<~RUBY
          include "sites/*.rb"
          include "limits.rb", "/etc/proxy/shared.rb"
        RUBY

        FILES = Types::Several.new("String, …", 'names of files, such as "sites/shop.rb" or "sites/*.rb"')

        takes FILES, as: :files, many: true

        private

        def run(call)
          place = call.place
          place.no_block if call.block
          read(call.options, place)
          modules, files = call.arguments.flatten.partition { |file| file.is_a?(Module) }
          modules.each { |one| place.error("#{one} is a module: write extend #{one} to have its methods here") }
          return if files.empty? && modules.any?

          patterns = takes.read(files, place)
          patterns.each { |pattern| include_pattern(pattern, call) } unless patterns.equal?(INVALID)
        end

        def include_pattern(pattern, call)
          place = call.place
          wrong = malformed(pattern)
          return place.error("#{wrong}: write #{takes.hint}") if wrong

          path = FilePath.expand(pattern, place.directory)
          if File.directory?(path)
            return place.error("#{pattern.inspect} is a folder: write #{File.join(pattern, "*.rb").inspect}")
          end
          return include_file(pattern, call) if File.exist?(path)

          found = files_matching(pattern, place)
          found.empty? ? nothing_found(pattern, path, place) : found.each { |file| include_file(file, call) }
        end

        def malformed(pattern)
          return "the name of the file is empty" if pattern.empty?

          "#{Format.show(pattern)} has a NUL byte in it" if pattern.include?("\0")
        end

        def nothing_found(pattern, path, place)
          if pattern.match?(/[*?\[{]/)
            return place.warning("#{pattern.inspect} matches no file in #{place.directory}: " \
                                 "correct it, or leave it out")
          end

          place.error("#{pattern.inspect} does not exist (looked at #{path}): " \
                      "write the name of a file, or leave it out")
        end

        # The files that match, in the order of the alphabet.
        def files_matching(pattern, place)
          found = Dir.glob(pattern.b, base: place.directory.b).map { |file| FilePath.text(file) }
          found.select { |file| File.file?(FilePath.expand(file, place.directory)) }
        end

        def include_file(file, call)
          named = call.place.named(file)
          wrong = call.draft.include_file(call.dsl, FilePath.expand(file, call.place.directory), named)
          call.place.error("#{named} #{wrong}") if wrong
        end
      end
    end
  end
end
