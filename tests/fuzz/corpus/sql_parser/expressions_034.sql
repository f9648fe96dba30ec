SELECT 'it''s', E'a\tb\\c\'d', $$x'y$$, $tag$a$b$tag$, 'a'
  'b', U&"x"