# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # Numbers in Strings, as other systems and the environment have them.
      module Quantities
        TIMES = { "" => 1, "ms" => 0.001, "s" => 1, "sec" => 1, "m" => 60, "min" => 60, "h" => 3600,
                  "d" => 86_400 }.freeze
        SIZES = { "" => 1, "b" => 1, "k" => 1024, "kb" => 1024, "kib" => 1024, "m" => 1024**2, "mb" => 1024**2,
                  "mib" => 1024**2, "g" => 1024**3, "gb" => 1024**3, "gib" => 1024**3 }.freeze

        # Advice which number to write for a String; `units` are the accepted suffixes with their factors. nil if it is
        # no number.
        def self.remedy(text, units)
          number, unit = text.match(/\A\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*\z/i)&.captures
          factor = units[unit.to_s.downcase] if number
          return unless factor

          value = (number.include?(".") ? number.to_f : number.to_i) * factor
          value = value.to_i if value == value.to_i
          return "write #{Syntax.number_of(value)}" unless unit.empty?

          "write #{value} without quotes, or Integer(…) around what ENV says"
        end
      end
    end
  end
end
