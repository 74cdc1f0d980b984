"""The promises, checked from outside: on bill, buckets and stored items, with nothing imported from the core."""
