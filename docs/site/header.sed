# "Client:" begins a sentence about that role. It is not the struct of that name, and no link to it.
s|\(//.*[^%[:alnum:]_:]\)\(Client:\)\([^:]\)|\1%\2\3|
