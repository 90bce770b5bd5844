# frozen_string_literal: true

module Proxy
  module Rack
    # Finds the line of `use Proxy::Rack::Middleware` or `config.proxy.middleware`, for messages. Rack makes a
    # middleware after it has read the config.ru, so that the line is not among the callers: the usual files are
    # searched for it.
    # @api private
    module PlaceOfUse
      NAME = /^[^#]*\b(?:Proxy::Rack::Middleware|config\.proxy\.middleware)\b/
      FILES = ["config.ru", "config/application.rb", "config/environments/*.rb", "config/initializers/*.rb"].freeze
      OWN = File.expand_path("../..", __dir__)
      # Lines that one `use` may take.
      LONGEST = 20
      private_constant :NAME, :FILES, :OWN, :LONGEST

      # File and line; nil for what is not known. `options` are the names that are written there.
      def self.find(options)
        called = callers
        direct = called.find { |path, line| uses(path).any? { |_, other, _| other == line } }
        return direct if direct

        rackups, others = called.map(&:first).uniq.partition { |path| path.end_with?(".ru") }
        usual = [*rackups, *Dir.glob(FILES)].uniq { |path| File.expand_path(path) }
        found = [usual, others].lazy.map { |files| files.flat_map { |path| uses(path) } }.find(&:any?) || []
        fitting = found.select { |_, _, text| options.all? { |name| text.match?(/\b#{name}:/) } }
        fitting = found if fitting.empty?
        return fitting.first.first(2) if fitting.one?

        files = fitting.map(&:first).uniq
        [files.one? ? files.first : nil, nil]
      end

      # Callers in files of the program, such as the config.ru itself, or a test.
      def self.callers
        places = caller_locations.map { |location| [location.path, location.lineno] }
        places.select do |path, _|
          File.file?(path) && !path.include?("/gems/") && !File.expand_path(path).start_with?(OWN)
        end
      end
      private_class_method :callers

      def self.uses(path)
        lines = File.readlines(path, encoding: Encoding::UTF_8).map(&:scrub)
        first = lines.each_index.select { |index| lines[index].match?(NAME) }
        first.zip(first.drop(1)).map do |index, following|
          [path, index + 1, lines[index...[following || lines.length, index + LONGEST].min].join]
        end
      rescue SystemCallError
        []
      end
      private_class_method :uses
    end
  end
end
