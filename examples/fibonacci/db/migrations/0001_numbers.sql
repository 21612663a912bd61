CREATE TABLE numbers (
  n integer PRIMARY KEY CHECK (n >= 0),
  value numeric NOT NULL,
  algorithm text NOT NULL,
  computed_at timestamptz NOT NULL DEFAULT now()
);
