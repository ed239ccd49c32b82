create table customer (id int primary key auto_increment, name varchar(60) not null, town varchar(40),
  since date, credit decimal(10, 2), note text) charset utf8mb4;
insert into customer (name, town, since, credit, note)
  select concat('Customer ', seq), elt(1 + seq % 4, 'Oslo', 'Gdańsk', 'Porto', 'Kyōto'),
    date_add('2019-03-01', interval seq day), seq * 3.25, if(seq % 5, concat('note ', seq), null) from seq_1_to_200;
create table orders (id int primary key auto_increment, customer_id int, placed datetime(3), total double,
  key (customer_id));
insert into orders (customer_id, placed, total)
  select 1 + seq % 200, date_add('2024-01-01', interval seq minute), seq / 7 from seq_1_to_600;
create table every_type (a tinyint, b smallint unsigned, c mediumint, d int, e bigint unsigned, f float, g double,
  h decimal(30, 10), i date, j time(6), k datetime(6), l timestamp null, m year, n char(6), o varchar(200), p blob,
  q longtext, r bit(11), s enum('small', 'large'), t set('red', 'green', 'blue'), u json, v binary(4), w inet6, x uuid,
  y geometry) charset utf8mb4;
insert into every_type values
  (-128, 65535, -8388608, 2147483647, 18446744073709551615, 0.5, -1e300, 12345678901234567890.0123456789, '2024-02-29',
   '-838:59:58.999999', '9999-12-31 23:59:59.999999', '2020-01-01 00:00:01', 2155, 'åäö', 'plain', x'00ff10',
   repeat('long ', 60), b'10101010101', 'large', 'red,blue', '{"k": [1, null]}', x'00010203', '2001:db8::1',
   '123e4567-e89b-12d3-a456-426655440000', point(1, 2)),
  (null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
   null, null, null, null, null, null),
  (0, 0, 0, 0, 0, 0, 0, 0, '0000-00-00', '00:00:00', '0000-00-00 00:00:00', '1971-01-01 00:00:00', 1901, '', '', '', '',
   0, 'small', '', 'null', x'00000000', '::', '00000000-0000-0000-0000-000000000000', linestring(point(0, 0), point(3, 4)));
create table document (id int primary key auto_increment, body longblob);
create table incoming (id int, word varchar(80), amount double);
create table counter (id int primary key, n int not null);
insert into counter values (1, 0), (2, 0);
delimiter //
create procedure report(in lowest int, out how_many int)
begin
  select id, name from customer where id >= lowest limit 4;
  select 'no rows follow' as remark;
  select id from customer where id < 0;
  update counter set n = n + 1 where id = 1;
  select count(*) into how_many from orders;
end//
create procedure stumble()
begin
  select 1 as before_the_error;
  signal sqlstate '45000' set message_text = 'stumbled on purpose';
end//
create function doubled(n int) returns int deterministic return 2 * n//
delimiter ;
