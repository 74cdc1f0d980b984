"""How reliably the fidelity verdict separates damaged products from those with only another background or light."""
