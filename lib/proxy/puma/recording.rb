# frozen_string_literal: true

require_relative "../config"
require_relative "target"

module Proxy
  module Puma
    # The words of the proxy in config/puma.rb, read one after the other.
    # @api private
    class Recording < Config::Source
      # @return [Listeners, nil] the public sockets, once they are open
      attr_reader :listeners
      # @return [Target] what is known of the Puma behind the proxy
      attr_reader :target

      def initialize
        super(nil, Config.working_directory, nil, nil)
        @target = Target.new
      end

      # Gives the sockets that are open to the server that is started with this configuration.
      def listen(listening)
        self.addresses = listening.binds
        @listeners = Listeners.of(listening.by_url)
      end

      # Reads one word. `file` is where it stands.
      def call(name, values, options, block, file)
        draft = @draft ||= draft(file)
        text = File.file?(file) ? File.read(file, encoding: Encoding::UTF_8) : ""
        draft.evaluate(text, file) do |dsl|
          if name == :proxy && block then inside(dsl, block, values, options)
          elsif name == :proxy && options.empty? && file?(values) then proxyfile(dsl, values.first)
          else
            word = DSL::Words::BY_NAME.fetch(name)
            word.call(dsl, draft, values, options, word.is_a?(DSL::Words::Location) ? enclosed(dsl, block) : block)
          end
        end
        nil
      end

      # The addresses that the proxy's own `bind` words name, in the engine's form.
      def addresses
        @draft&.to_h.to_h.fetch("binds", [])
      end

      # Replaces the addresses.
      def addresses=(binds)
        @draft.to_h.fetch("binds").replace(binds)
      end

      # The configuration as it is now: with the present sockets of {#target}.
      def read
        Config.new(@draft, self)
      end

      # Called with all problems: it is a mistake if no request reaches Puma.
      def told(problems)
        problems.filter_map { |problem| target.told(problem) }
      end

      # Ends the reading: requests that no handler took are Puma's. `trusted` are proxies in front that no word names.
      def close(file, backends, defaults, trusted)
        @draft ||= draft(file)
        @draft.trust(trusted) if trusted.any?
        target.close(@draft, backends, defaults)
        self
      end

      private

      def draft(file)
        DSL::Draft.new(DSL::FilePath.text(file), directory).tap do |draft|
          draft.target = target
          draft.takes_self = true
        end
      end

      # `proxy do … end`
      def inside(dsl, block, values, options)
        word = DSL::Words::BY_NAME.fetch(:proxy)
        return word.call(dsl, @draft, values, options, block) unless values.empty? && options.empty?

        block.arity == 1 ? block.call(dsl) : dsl.instance_exec(&block)
      end

      # A block in which words are those of the proxy, also if Puma has a word of that name.
      def enclosed(dsl, block)
        block.nil? || block.arity == 1 ? block : -> { dsl.instance_exec(&block) }
      end

      def file?(values)
        values.one? && values.first.is_a?(String) && !values.first.include?("://") && !values.first.match?(/:\d+\z/)
      end

      # `proxy "Proxyfile"`: a file in the working directory, else beside config/puma.rb.
      def proxyfile(dsl, name)
        place = @draft.place(:proxy)
        beside = DSL::FilePath.expand(name, File.dirname(DSL::FilePath.expand(@draft.file, directory)))
        path = [DSL::FilePath.expand(name, directory), beside].find { |file| File.file?(file) }
        unless path
          return place.error("there is no file #{name.inspect} in #{directory}: " \
                             "`proxy init` writes one, or write proxy do … end")
        end

        wrong = @draft.include_file(dsl, path, name)
        place.error("#{name} #{wrong}") if wrong
      end
    end
  end
end
