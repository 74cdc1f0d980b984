"""The comparison of Ideogram's usage records with the ledger, in worlds whose records are late, wrong, or shared."""
