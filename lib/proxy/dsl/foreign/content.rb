# frozen_string_literal: true

module Proxy
  class DSL
    module Foreign
      # Words of other systems for files, compression, caching and buffering, by answer.
      CONTENT = {
        # Files
        'write static_files root: "public"' =>
          %i[root file_server static public_folder public_dir document_root serve_static files],
        'write static_files root: "public", try_files: ["{path}", "{path}.html"]' => %i[try_files],
        'write static_files root: "public", try_files: ["{path|strip_prefix:/files}"]' => %i[alias],
        'write static_files root: "public", index: "index.html"' => %i[index directory_index],
        'write static_files root: "public", fallback: "index.html"' => %i[fallback_resource],
        "write precompressed: true as an option of `static_files`" =>
          %i[gzip_static brotli_static zstd_static precompressed],
        "write symlinks: false as an option of `static_files`" => %i[disable_symlinks],
        'write cache_control: "public, max-age=31536000" as an option of `static_files`, or for others ' \
        'response_headers removals: ["Cache-Control"], additions: { "Cache-Control" => "public, max-age=31536000" }' =>
          %i[expires cache_control expires_default],
        'write cache_control: { "*.css" => "public, max-age=31536000" } as an option of `static_files`' =>
          %i[expires_by_type],
        'write types: { ".gltf" => "model/gltf+json" } as an option of `static_files`' => %i[mime_types add_type],
        'write response_headers removals: ["ETag"]' => %i[file_etag],
        'write x_sendfile: "storage" as an option of `proxy`' => %i[sendfile_root x_send_file xsend_file
                                                                    xsend_file_path x_sendfile_path],
        'write x_sendfile: { "/files" => "storage" } as an option of `proxy`' =>
          %i[internal x_accel_redirect x_accel_mapping],
        "not in this version: lists of a folder's files; leave it out" =>
          %i[autoindex autoindex_exact_size autoindex_format autoindex_localtime fancyindex index_options browse],
        "the proxy decides how files are read: leave it out" =>
          %i[open_file_cache open_file_cache_valid open_file_cache_min_uses open_file_cache_errors aio aio_write
             directio directio_alignment output_buffers read_ahead sendfile_max_chunk enable_mmap enable_sendfile],
        "conditional requests and ranges are answered as RFC 9110 says: leave it out" =>
          %i[if_modified_since max_ranges],
        # Compression
        "write compress" => %i[gzip brotli zstd encode compression deflate],
        'write compress types: ["text/*", "application/json"]' =>
          %i[gzip_types brotli_types zstd_types add_output_filter_by_type],
        "write compress min_size: 1024" => %i[gzip_min_length brotli_min_length zstd_min_length],
        "write compress level: { gzip: 5, br: 4 }" =>
          %i[gzip_comp_level brotli_comp_level zstd_comp_level deflate_compression_level brotli_compression_quality],
        "compress decides this by itself: leave it out" =>
          %i[gzip_proxied gzip_vary gzip_http_version gzip_disable gzip_buffers brotli_buffers brotli_window],
        # Caching
        'write cache "pages", memory: 64_000_000 at the top, and cache "pages" in a location' =>
          %i[proxy_cache fastcgi_cache http_cache cache_enable],
        'write cache "pages", memory: 64_000_000, disk: { path: "tmp/cache/proxy", size: 1_000_000_000 } at the ' \
        'top, and cache "pages" in a location' =>
          %i[proxy_cache_path fastcgi_cache_path proxy_store cache_root],
        "write default_ttl: 600 as an option of `cache`" =>
          %i[proxy_cache_valid fastcgi_cache_valid cache_default_expire],
        'write key: "{cookie.lang}" as an option of `cache`, which adds to host, path and query' =>
          %i[proxy_cache_key fastcgi_cache_key],
        'write bypass: { cookies: { "_session" => true } } as an option of `cache`' =>
          %i[proxy_cache_bypass proxy_no_cache fastcgi_cache_bypass fastcgi_no_cache],
        "write stale_if_error: 86_400 as an option of `cache`" =>
          %i[proxy_cache_use_stale fastcgi_cache_use_stale cache_stale_on_error],
        "write stale_while_revalidate: 60 as an option of `cache`" => %i[proxy_cache_background_update],
        "write lock_timeout: 5 as an option of `cache`, or leave it out" =>
          %i[proxy_cache_lock proxy_cache_lock_timeout proxy_cache_lock_age cache_lock],
        "write proxy purge … on the command line, or POST /purge to the control API" => %i[proxy_cache_purge],
        "the cache does this by itself: leave it out" =>
          %i[proxy_cache_revalidate proxy_cache_methods proxy_cache_convert_head],
        "not in this version: a number of requests before a response is stored; leave it out" =>
          %i[proxy_cache_min_uses],
        "write set_cookie: true as an option of `cache` for Set-Cookie; others not in this version: leave them out" =>
          %i[proxy_ignore_headers],
        # Buffering
        "write buffering: false as an option of `proxy` if it is off; if it is on, leave it out" =>
          %i[proxy_buffering buffering],
        "write buffer_size: 262_144 as an option of `proxy`" =>
          %i[proxy_buffers proxy_busy_buffers_size response_buffers],
        "the proxy decides this by itself: leave it out" => %i[proxy_buffer_size],
        "write buffering: { disk: 1_073_741_824 } as an option of `proxy`" => %i[proxy_max_temp_file_size],
        'write buffering: { disk: 1_073_741_824, path: "/var/tmp" } as an option of `proxy`' => %i[proxy_temp_path],
        "write request_buffering: true as an option of `proxy` if it is on; if it is off, leave it out" =>
          %i[proxy_request_buffering],
        "write request_buffering: true as an option of `proxy`" => %i[client_body_buffer_size request_buffers],
        'write request_buffering: { disk: 1_073_741_824, path: "/var/tmp" } as an option of `proxy`' =>
          %i[client_body_temp_path]
      }.freeze
      private_constant :CONTENT

      # Options for these, as in `OPTIONS`: ours, its value, the only word for which that holds, and their names.
      CONTENT_OPTIONS = {
        [:level, "{ gzip: 5 }", :compress] => %i[gzip gzip_comp_level],
        [:level, "{ br: 5 }", :compress] => %i[br brotli brotli_comp_level],
        [:level, "{ zstd: 6 }", :compress] => %i[zstd zstandard],
        [:br, "5", :compression_levels] => %i[brotli],
        [:zstd, "6", :compression_levels] => %i[zstandard zst],
        [:gzip, "5", :compression_levels] => %i[gz deflate],
        [:level, "{ zstd: 3, br: 4, gzip: 5 }", :compress] => %i[quality compression_level comp_level],
        [:types, '["text/*", "application/json"]', :compress] =>
          %i[gzip_types brotli_types content_types mime_types media_types],
        [:min_size, "1024"] => %i[gzip_min_length brotli_min_length minimum_length min_length threshold],
        [:encodings, "%w[zstd br gzip]"] => %i[algorithms algorithm codings formats prefer],
        [:precompressed, "true", :static_files] => %i[gzip_static brotli_static zstd_static],
        [:precompressed, "true for files with .gz beside them; others have a line compress", :static_files] =>
          %i[gzip brotli br zstd compress compression encode],
        [:cache_control, '"public, max-age=31536000"', :static_files] => %i[expires max_age expires_in cache immutable],
        [:symlinks, "false", :static_files] => %i[disable_symlinks],
        [:symlinks, ":inside, true or false", :static_files] => %i[follow_symlinks follow_links links],
        [:root, '"public"', :static_files] => %i[path folder dir directory public],
        [:fallback, '"index.html"', :static_files] => %i[spa fallback_resource],
        [:types, '{ ".gltf" => "model/gltf+json" }', :static_files] => %i[mime_types media_types],
        [:response_headers, '{ "Cache-Control" => "public, max-age=31536000" }'] => %i[expires cache_control],
        [:response_headers, '{ "X-Name" => nil }'] => %i[proxy_hide_header hide_header hide_headers],
        [:x_sendfile, '"storage"'] => %i[sendfile send_file xsendfile],
        [:x_sendfile, '{ "/files" => "storage" }'] => %i[x_accel_redirect x_accel x_accel_mapping],
        [:buffer_size, "262_144"] => %i[buffers proxy_buffers proxy_busy_buffers_size response_buffers],
        [:buffering, "true"] => %i[buffer response_buffering buffer_responses],
        [:buffering, "false if it was off; true is the default"] => %i[proxy_buffering],
        [:buffering, "{ disk: 1_073_741_824 }"] => %i[proxy_max_temp_file_size],
        [:buffering, '{ disk: 1_073_741_824, path: "/var/tmp" }'] => %i[proxy_temp_path],
        [:request_buffering, "true"] => %i[buffer_requests client_body_buffer_size request_buffers],
        [:request_buffering, "true if it was on; false is the default"] => %i[proxy_request_buffering],
        [:request_buffering, '{ disk: 1_073_741_824, path: "/var/tmp" }'] => %i[client_body_temp_path],
        [:disk, "1_073_741_824"] => %i[max_size size max_temp_file_size],
        [:disk, '{ path: "tmp/cache/proxy", size: 1_000_000_000 }', :cache] => %i[path folder dir directory],
        [:memory, "64_000_000", :cache] => %i[size max_size keys_zone total_max_size],
        [:max_object, "1_000_000", :cache] => %i[max_object_size max_file_size],
        [:default_ttl, "600", :cache] => %i[valid ttl max_age expires_in expires],
        [:stale_if_error, "86_400", :cache] => %i[use_stale stale],
        [:lock_timeout, "5", :cache] => %i[lock lock_age],
        [:bypass, '{ cookies: { "_session" => true } }', :cache] => %i[no_cache except unless skip]
      }.freeze
      private_constant :CONTENT_OPTIONS
    end
  end
end
