# frozen_string_literal: true

module Proxy
  class DSL
    # Problems that another mistake causes, or an environment variable that is not set: the first are dropped, the
    # second name the variable.
    # @api private
    module Aftermath
      NIL = /\bnil is not allowed.*\z|`\w+` is nil.*\z|takes options only, not nil.*\z|an address is nil.*\z/.freeze
      VARIABLE = /ENV\[(["'])(\w+)\1\]/.freeze
      # Messages about a missing value that was written as an option.
      MISSING = /\Athe (?:value|URL|name|host) is missing: /.freeze
      UNNAMED = "its value comes first and has no name"
      # Maximum number of lines of a statement that are searched for a variable.
      REACH = 12
      private_constant :NIL, :VARIABLE, :MISSING, :UNNAMED, :REACH

      # The problems without those that the words in `unknown` cause: such words evaluate to nil. `sources` are the
      # texts of the files by name.
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

      # The name of an unset environment variable that the statement at `line` reads.
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
