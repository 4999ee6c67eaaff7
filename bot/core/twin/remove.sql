-- The triggers on the tables go with the functions they call.
DROP PUBLICATION IF EXISTS gmbot_twin;
DROP SCHEMA IF EXISTS gmbot_twin CASCADE;
