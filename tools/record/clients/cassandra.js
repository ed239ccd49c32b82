// Sessions of the Node.js driver: queries, prepared statements, batches, paging by stream, a refused query.
'use strict';
const cassandra = require('cassandra-driver');

async function main() {
    const client = new cassandra.Client({contactPoints: [process.env.HOST], localDataCenter: 'datacenter1', keyspace: 'shop',
        credentials: process.argv[2] ? {username: process.argv[2], password: process.argv[3]} : undefined});
    await client.connect();
    await client.execute('select id, title from page where id = 1');
    for (let id = 600; id < 606; id++)
        await client.execute('insert into page (id, title, words) values (?, ?, ?)', [id, 'node ' + id, ['a', 'b']], {prepare: true});
    await client.batch([{query: 'insert into page (id) values (?)', params: [610]}, {query: 'delete from page where id = ?', params: [611]}], {prepare: true});
    let rows = 0;
    await new Promise((done, failed) => client.eachRow('select id from page', [], {fetchSize: 20, autoPage: true}, () => rows++,
        (error) => error ? failed(error) : done()));
    console.log(rows);
    await client.execute('select nothing from page').catch((error) => console.log(error.message));
    await Promise.all(Array.from({length: 40}, (_, i) => client.execute('select title from page where id = ?', [i], {prepare: true})));
    await client.shutdown();
}

main().catch((error) => { console.error(error); process.exit(1); });
