# frozen_string_literal: true

module Proxy
  class DSL
    # What follows from another mistake, or from a variable of the environment that is not set, and is told as that.
    # @api private
    module Aftermath
      NIL = /\bnil is not allowed.*\z|`\w+` is nil.*\z|takes options only, not nil.*\z|an address is nil.*\z/.freeze
      VARIABLE = /ENV\[(["'])(\w+)\1\]/.freeze
      # What is missing, since it was written as an option.
      MISSING = /\Athe (?:value|URL|name|host) is missing: /.freeze
      UNNAMED = "its value comes first and has no name"
      # Lines of a statement that are looked at.
      REACH = 12
      private_constant :NIL, :VARIABLE, :MISSING, :UNNAMED, :REACH

      # The problems without what follows from the words in `unknown`, which stand for nil. `sources` are the texts of
      # the files by name.
      def self.clear(problems, unknown, sources)
        problems.filter_map do |problem|
          if problem.message.match?(MISSING) && problems.any? do |other|
            other.line == problem.line && other.message.include?(UNNAMED)
          end
            next
          end

          same = unknown.select { |other| other.line == problem.line && other.file == problem.file }
          next if same.any? && same.none? { |other| other.equal?(problem) }
          next problem unless problem.error? && problem.message.match?(NIL)

          variable = unset(sources[problem.file], problem.line)
          variable ? told(problem, variable) : problem
        end
      end

      # A variable of the environment that the statement at `line` asks for, and that is not set.
      def self.unset(source, line)
        return unless source && line

        statement = source.lines.drop(line - 1).first(REACH).take_while { |text| !text.strip.empty? }
        statement.join.scan(VARIABLE).map(&:last).find { |name| ENV[name].nil? }
      end
      private_class_method :unset

      def self.told(problem, variable)
        named = problem.message[/`(\w+)` is nil/, 1]
        trail = problem.message.sub(NIL, named ? "#{named}: " : "")
        message = "#{trail}the environment variable #{variable} is not set: set it, or write " \
                  "ENV.fetch(\"#{variable}\", \"…\") with a default"
        Problem.new(file: problem.file, line: problem.line, directive: problem.directive, message: message)
      end
      private_class_method :told
    end
  end
end
