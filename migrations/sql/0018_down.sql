DROP TABLE primaries;
