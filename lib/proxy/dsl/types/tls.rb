# frozen_string_literal: true

module Proxy
  class DSL
    module Types
      # Several names, in an Array or with commas between them, as a URL has them.
      class Names < Texts
        def read(value, place)
          super(value.is_a?(String) ? value.split(/\s*,\s*/, -1) : symbols(value), place)
        end

        private

        def symbols(value)
          value.is_a?(Array) ? value.map { |name| name.is_a?(Symbol) ? name.to_s : name } : value
        end
      end

      # Certificates: an Array of Hashes.
      class Certificates < Type
        def read(value, place)
          return wrong(value, place) unless value.is_a?(Array)
          return place.error("the list is empty: write #{hint}") if value.empty?

          certificates = value.map { |entry| certificate(entry, place) }
          certificates.include?(INVALID) ? INVALID : certificates
        end

        private

        def certificate(entry, place)
          return place.error("#{Spelling.show(entry)} is #{Spelling.kind(entry)}: write #{hint}") unless entry.is_a?(Hash)

          options, sound = Options::CERTIFICATE.read(entry, place)
          return INVALID unless sound
          return options if options.key?("certificate")

          place.error("#{Spelling.show(entry)} has no certificate: write #{hint}")
        end
      end

      PROTOCOLS = Names.new("Array", 'an Array such as ["h2", "h1"]')
      DOMAINS = Names.new("Array", 'an Array of names, such as ["example.com", "*.example.com"]')
      CERTIFICATE_FILE = InputFile.new("path", 'the path of a PEM file, such as "tls/site.pem"')
      KEY_FILE = InputFile.new("path", 'the path of a PEM file, such as "tls/site.key"')
      CA_FILE = InputFile.new("path", 'the path of a PEM file, such as "tls/ca.pem"')
      OCSP_FILE = InputFile.new("path", 'the path of a DER file, such as "tls/site.ocsp"')
      CERTIFICATES = Certificates.new("Array", 'an Array such as [{ certificate: "tls/site.pem", key: "tls/site.key" }]')
      VERIFY = Name.new("name", %w[require optional])
      TLS_VERSION = Name.new("name", %w[1.2 1.3], others: { "tlsv1.2" => "1.2", "tlsv1.3" => "1.3", "tls1.2" => "1.2", "tls1.3" => "1.3", "tls1_2" => "1.2",
                                                            "tls1_3" => "1.3" })
    end
  end
end
