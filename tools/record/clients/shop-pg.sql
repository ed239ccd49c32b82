set role app;
create table customer (id serial primary key, name text not null, town text, since date, credit numeric(10, 2), note text);
insert into customer (name, town, since, credit, note)
  select 'Customer ' || n, (array['Oslo', 'Gdańsk', 'Porto', 'Kyōto'])[1 + n % 4], date '2019-03-01' + n, n * 3.25,
    case when n % 5 > 0 then 'note ' || n end from generate_series(1, 200) n;
create table orders (id serial primary key, customer_id int, placed timestamptz, total float8);
insert into orders (customer_id, placed, total)
  select 1 + n % 200, timestamptz '2024-01-01 00:00+00' + n * interval '1 minute', n / 7.0 from generate_series(1, 600) n;
create table incoming (id int, word text, amount float8);
create table counter (id int primary key, n int not null);
insert into counter values (1, 0), (2, 0);
create table every_type (a bool, b int2, c int4, d int8, e float4, f float8, g numeric, h text, i varchar(20), j bytea,
  k date, l time, m timetz, n timestamp, o timestamptz, p interval, q uuid, r inet, s macaddr, t jsonb, u xml, v int4[],
  w text[], x point, y int4range, z bit(5));
insert into every_type values
  (true, -32768, 2147483647, -9223372036854775808, 'NaN', 1e300, 12345678901234567890.0123456789, 'plain é', 'short',
   '\x00ff10', '2024-02-29', '23:59:59.999999', '12:00+05:30', 'infinity', '2024-01-01 00:00+00', '1 year -3 days',
   '123e4567-e89b-12d3-a456-426655440000', '2001:db8::1/64', '08:00:2b:01:02:03', '{"k": [1, null]}', '<a>b</a>',
   '{{1,2},{3,null}}', '{"a,b","c\"d"}', '(1,2)', '[1,10)', b'10101');
insert into every_type (a) values (null);
grant select on all tables in schema public to trusty, plain, older;
