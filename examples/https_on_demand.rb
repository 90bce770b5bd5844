# Customers bring their own domains: each gets a certificate when the first client asks for it.
#
#   echo shop.example.org >> customers.txt   # no reload is needed
#   sudo proxy start -c examples/https_on_demand.rb

# Says which names may have a certificate. Anybody can send any name here, so never say yes to all of them: an
# authority issues so many certificates, and no more.
customer = ->(name) { File.foreach("customers.txt", chomp: true).include?(name) }

# An application can answer instead, with 200 for yes: on_demand: "http://127.0.0.1:3000/domains" is asked with
# ?domain=NAME.
acme email: "ops@example.com", on_demand: customer
bind "http://0.0.0.0:80"
bind "https://0.0.0.0:443"
redirect_http_to_https!
host("app.example.com") { proxy backends: ["127.0.0.1:3000"] } # a name of our own: ordered at once
proxy backends: ["127.0.0.1:3001"] # all others: the customers
