DROP TABLE set_ups;
