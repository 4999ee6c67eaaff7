DROP TABLE channel_requests;
