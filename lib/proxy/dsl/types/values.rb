# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # One text, or an Array of texts.
      class Texts < Text
        def signature = "String | Array[String]"

        def read(value, place)
          return wrong(value, place) unless value.is_a?(Array) || value.is_a?(String)

          texts = Array(value).map { |text| super(text, place) }
          sound = texts.difference([INVALID])
          sound.empty? && !texts.empty? ? INVALID : sound
        end
      end

      # The values after a word: one, several, or Arrays of them.
      class Several < Texts
        def read(values, place)
          values = values.flatten
          return place.error("the value is missing: write #{hint}") if values.empty?

          super
        end
      end

      SWITCH = Switch.new("true, false", "true or false")
      SECONDS = Seconds.new("seconds", "a number of seconds, such as 30 or 0.5")
      COUNT = Count.new("Integer", "a whole number, such as 64")
      BYTES = Count.new("bytes", "a whole number of bytes, such as 65_536", units: Quantities::SIZES)
      BODY_BYTES = Count.new("bytes", "a whole number of bytes, such as 1_048_576", units: Quantities::SIZES)
      CODE = Count.new("Integer", "a status code, such as 503")
      FIELD_NAME = Text.new("String", 'the name of a header, such as "X-Api-Key"')
      FIELD_NAMES = Texts.new("Array", 'an Array of header names, such as ["X-Token"]')
      NETWORKS = Several.new("String, …", 'addresses and networks, such as "192.0.2.7", "10.0.0.0/8" or "fd00::/8"')
      INPUT_FILE = InputFile.new("path", "the path of a file that can be read")
      PEM_FILE = InputFile.new("path", 'the path of a PEM file, such as "tls/ca.pem"')
    end
  end
end
