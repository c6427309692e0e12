module fieldward.io/tests/controllers/spellings

go 1.26.0
