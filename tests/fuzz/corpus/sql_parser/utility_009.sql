  -- a comment /* not nested
  /* a /* nested */ one */