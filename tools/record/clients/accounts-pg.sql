create role app login replication password 'app-word';
create role trusty login;
create role plain login password 'plain-word';
set password_encryption = md5;
create role older login password 'older-word';
reset password_encryption;
create role "kept-out" login password 'never';
create database shop owner app;
