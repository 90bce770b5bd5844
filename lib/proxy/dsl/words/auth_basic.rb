# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Requires a user name and a password (HTTP Basic authentication).
      class AuthBasic < Word::AuthFilter
        prose "Asks for a user and a password (HTTP Basic). `Authorization` is passed on as it came."
        example <<~RUBY
          auth_basic realm: "Staff", file: "htpasswd"
        RUBY

        CREDENTIALS = Types::Secrets.new("Hash", 'a Hash of users and hashes, such as { "ann" => "$2y$…" }')
        PASSWORDS = Types::InputFile.new("path", 'the path of a file that `htpasswd -B` wrote, such as "htpasswd"')

        option :realm, Types::REALM, "What a browser shows next to the boxes for user and password."
        option :credentials, CREDENTIALS, <<~TEXT, default: "none", unset: true
          Users and the hashes of their passwords: bcrypt (`htpasswd -nB USER`), SHA-crypt (`openssl passwd -6`) or
          argon2. Faster hashes and plain passwords are refused. Use one kind and cost for all: a wrong password takes
          the time of each kind that is there, so that the time does not reveal who exists.
        TEXT
        option :file, PASSWORDS, <<~TEXT, default: "none", unset: true
          A file with `USER:HASH` in each line, as `htpasswd -B` writes it, in place of `credentials`.
        TEXT
        refusal
        needs :credentials, :file
      end
    end
  end
end
