# frozen_string_literal: true

require "ripper"

module Proxy
  module CLI
    class Init
      # Calls in a Ruby file whose arguments are known without running it: `port ENV.fetch("PORT", 3000)`. Environment
      # variables count as not set.
      # @api private
      class RubySource
        # A call: its word, its arguments (nil for one that only a run would show), its line, and the environment
        # variables that the first of them reads.
        Call = Struct.new(:word, :arguments, :line, :variables) do
          # The first argument.
          def argument = arguments.first
        end
        private_constant :Call

        # Maximum length of a String. No address is longer, and a file may double a String again and again.
        LONGEST = 4096

        def initialize(path)
          @path = File.expand_path(path)
          @variables = {}
          @calls = []
        end

        # The calls of these words, in the order of the file.
        def calls(*words)
          @words = words
          walk(Ripper.sexp(File.read(@path)))
          @calls
        # The file cannot be read, its encoding is unknown to Ruby, or it is nested too deeply.
        rescue SystemCallError, ArgumentError, SystemStackError
          []
        end

        private

        def walk(node)
          case node
          in [:assign, [:var_field, [:@ident, name, _]], value] then @variables[name] = value(value)
          in [:command, [:@ident, word, place], arguments] then note(word, arguments, place.first)
          in [:method_add_arg, [:fcall, [:@ident, word, place]], [:arg_paren, arguments]]
            note(word, arguments, place.first)
          in Array then node.each { |child| walk(child) }
          else nil
          end
        end

        def note(word, arguments, line)
          return walk(arguments) unless @words.include?(word)

          all = list(arguments)
          @calls << Call.new(word, all.map { |one| value(one) }, line, all.empty? ? [] : variables(all.first))
        end

        def list(arguments)
          case arguments
          in [:args_add_block, [*list], _] then list
          in [:arg_paren, inner] then list(inner)
          in [Array, *] then arguments
          else []
          end
        end

        # The environment variables that an expression reads.
        def variables(node)
          case node
          in [:aref, [:var_ref, [:@const, "ENV", _]], names] then names(names).first(1)
          in [:method_add_arg, [:call, [:var_ref, [:@const, "ENV", _]], _, _], names] then names(names).first(1)
          in Array then node.flat_map { |child| variables(child) }
          else []
          end
        end

        # The Strings in an expression.
        def names(node)
          case node
          in [:@tstring_content, text, _] then [text]
          in Array then node.flat_map { |child| names(child) }
          else []
          end
        end

        # The value of an expression, if it is known without a run; else nil.
        def value(node)
          case node
          in [:@int, digits, _] then Integer(digits)
          in [:@tstring_content, text, _] then text
          in [:string_literal, [:string_content, *parts]] then text(parts)
          in [:string_embexpr | :paren, [inner]] then value(inner)
          in [:var_ref, [:@kw, "__FILE__", _]] then @path
          in [:var_ref | :vcall, [:@ident, name, _]] then variable(name)
          in [:binary, [:aref, [:var_ref, [:@const, "ENV", _]], _], :"||", default] then value(default)
          in [:method_add_block, [:method_add_arg, [:call, [:var_ref, [:@const, "ENV", _]], _, _], _], [_, _, body]]
            value(last(body))
          in [:method_add_arg, [:call, [:var_ref, [:@const, constant, _]], _, [:@ident, method, _]], arguments]
            called(constant, method, list(arguments))
          in [:call, [:var_ref, [:@const, "Dir", _]], _, [:@ident, "pwd", _]] then Dir.pwd
          in [:call, receiver, _, [:@ident, "to_i" | "to_s", _]] then value(receiver)
          in [:method_add_arg, [:fcall, [:@const, "Integer" | "String", _]], arguments]
            value(list(arguments).first)
          else nil
          end
        end

        def variable(name)
          name == "__dir__" ? File.dirname(@path) : @variables[name]
        end

        def last(body)
          body in [:bodystmt, statements, *]
          (statements || body).last
        end

        def text(parts)
          values = parts.map { |part| value(part) }
          short(values.join) unless values.include?(nil)
        end

        def called(constant, method, arguments)
          return arguments[1] && value(arguments[1]) if [constant, method] == %w[ENV fetch]
          return unless constant == "File" && %w[expand_path join dirname].include?(method)

          values = arguments.map { |argument| value(argument) }
          short(File.public_send(method, *values)) unless values.empty? || values.include?(nil)
        rescue ArgumentError, TypeError
          nil
        end

        def short(text) = (text if text.length <= LONGEST)
      end
    end
  end
end
