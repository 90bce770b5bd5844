# frozen_string_literal: true

module Proxy
  class DSL
    module Words
      # Answers with files of a folder.
      class StaticFiles < Word::Handler
        prose "Answers GET and HEAD with files of a folder; what is not there is left to the next handler."
        details <<~TEXT
          Ranges, conditional requests and directories work as with nginx: see [static-files.md](static-files.md).
        TEXT
        example <<~'RUBY', "The files of a Rails application, and then the application"
          static_files root: "public", try_files: ["{path}", "{path}.html", "{path}/index.html"], precompressed: true,
                       cache_control: { "/assets/*" => "public, max-age=31536000, immutable", "*" => "no-cache" }
          proxy to: "http://127.0.0.1:3000", preserve_host: true
        RUBY
        example 'static_files root: "dist", fallback: "index.html"', "An application of one page"

        # A value for all files, or values by patterns: Strings and Regexps.
        class CacheControl < Types::Text
          include Types::Expressions

          def signature = "String | Hash[String | Regexp, String]"

          def read(value, place)
            value = { "*" => value } if value.is_a?(String)
            return wrong(value, place) unless value.is_a?(Hash)
            return place.error("the Hash is empty: write #{hint}, or leave it out") if value.empty?

            all_sound(value.map { |files, text| rule(files, text, place) })
          end

          private

          def rule(files, value, place)
            return wrong(value, place) unless value.is_a?(String)

            all_sound([pattern(files, place), utf8(value, place)])
          end

          def pattern(files, place)
            case files
            when Regexp then expression(files, place)
            when String
              return text(files, place) if files.start_with?("/", "*")

              likely = files.start_with?(".") && !files.include?("/") ? "*#{files}" : "/#{files}"
              place.error("#{files.inspect} is no pattern of paths: write #{likely.inspect}")
            else wrong(files, place)
            end
          end
        end

        # Media types by the endings of names.
        class MediaTypes < Types::Text
          def signature = "Hash[String | Symbol, String]"

          def read(value, place) = pairs(value, place)

          private

          def pair(ending, media_type, place)
            return wrong(media_type, place) unless media_type.is_a?(String)

            all_sound([utf8(ending.to_s, place), utf8(media_type, place)])
          end
        end

        INDEX = Types::List.new("String, Array", 'the name of a file, such as "index.html", or an Array of names')
        TRY_FILES = Types::List.new("Array", 'an Array of paths, such as ["{path}", "{path}.html"]')
        CACHE_CONTROL = CacheControl.new("String, Hash", 'a String, such as "public, max-age=3600", or a Hash, such ' \
                                                         'as { "/assets/*" => "public, max-age=31536000" }')
        FALLBACK = Types::Text.new("String", 'the name of a file, such as "index.html"')
        TYPES = MediaTypes.new("Hash", 'a Hash, such as { ".gltf" => "model/gltf+json" }')
        LINKS = Types::SwitchOrName.new("inside", "true, false, :inside", "true, :inside or false")

        option :root, Types::FOLDER, "The folder.", required: true
        option :index, INDEX, "Files that stand for their folder: of `/docs/`, it is `docs/index.html`."
        option :try_files, TRY_FILES, <<~TEXT
          Files that are looked for, in this order: string rewrites of paths inside of `root`. `{path}` is decoded. One
          that ends with a slash means an `index`.
        TEXT
        option :fallback, FALLBACK, "File that is served if none was found, with status 200.",
               default: "the next handler is asked", unset: true
        option :precompressed, Types::SWITCH, <<~TEXT
          Serve `app.js.zst`, `app.js.br` or `app.js.gz` in place of `app.js` to clients that take it, unless it is
          older.
        TEXT
        option :cache_control, CACHE_CONTROL, <<~TEXT, default: "none", unset: true
          `Cache-Control` of all files, or a Hash of patterns and values, of which the first that matches counts: a path
          inside of `root` such as `"/assets/*"`, an ending such as `"*.css"`, a Regexp, or `"*"`.
        TEXT
        option :headers, Types::PAIRS,
               "Further headers of the responses. One that a file has anyway is replaced, but for Vary."
        option :types, TYPES, "Media types of endings, besides the usual ones."
        option :symlinks, LINKS, <<~TEXT
          Follow symbolic links. `:inside`: only those that lead to a place inside of `root`; `false`: none.
        TEXT
        option :dotfiles, Types::SWITCH,
               "Serve files and folders whose names begin with a dot. `.well-known` always is."

        private

        def add(call)
          given, sound = read(call.options, call.place)
          call.draft.add_route("static_files" => { **given, "at" => call.place.at }) if sound || enough?(given)
        end

        # `static_files "public"`
        def misplaced(values)
          first = values.first
          [Format.show(first), "static_files root: #{first.is_a?(String) ? first.inspect : '"public"'}"]
        end
      end
    end
  end
end
