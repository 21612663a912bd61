-- How often somebody asked for it.
ALTER TABLE numbers ADD COLUMN requests integer NOT NULL DEFAULT 0;
