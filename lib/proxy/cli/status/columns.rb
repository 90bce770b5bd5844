# frozen_string_literal: true

module Proxy
  module CLI
    class Status
      # Rows of cells as aligned lines.
      # @api private
      class Columns
        # Columns whose cells stand at the left, with more room beside them: all others are numbers.
        LEFT = [0, 1, 9].freeze
        private_constant :LEFT

        def initialize(rows)
          @widths = rows.transpose.map { |column| column.map(&:length).max }
        end

        def line(row)
          cells = row.each_with_index.map do |cell, at|
            LEFT.include?(at) ? " #{cell.ljust(@widths[at])} " : cell.rjust(@widths[at])
          end
          cells.join(" ").delete_prefix(" ").rstrip
        end
      end
    end
  end
end
