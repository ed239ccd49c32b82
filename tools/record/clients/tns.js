// What a story of Oracle says, with node-oracledb in thin mode: tns.js HOST WHAT.
'use strict';
const oracledb = require('oracledb');
const [host, what] = process.argv.slice(2);

function connect(service, password = 'tiger-77') {
  return oracledb.getConnection({ user: 'scott', password, connectString: `${host}:1521/${service}` });
}

async function fails(action) {
  try {
    await action();
  } catch (why) {
    console.log(why.message);
    return;
  }
  throw new Error('was let in');
}

async function statements(service) {
  const connection = await connect(service);
  const result = await connection.execute('select id, name from customers where rownum <= 5');
  console.log(result.rows.length);
  await connection.execute('insert into customers (id, name) values (:1, :2)', [7, 'Ada'], { autoCommit: true });
  await fails(() => connection.execute('select id from missing'));
  await connection.ping();
  await connection.close();
}

async function main() {
  if (what === 'refused')
    await fails(() => connect('nowhere'));
  else if (what === 'password')
    await fails(() => connect('orders', 'wrong-77'));
  else
    await statements(what);
}

main().catch((why) => {
  console.error(why);
  process.exit(1);
});
