"""`backdrop mcp`: lets an agent create pictures under one mandate, over the Model Context Protocol."""
