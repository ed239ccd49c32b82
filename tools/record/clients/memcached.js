// The npm package memcached: the text protocol.  memcached.js HOST
'use strict'
const Memcached = require('memcached')
const client = new Memcached(process.argv[2] + ':11211', { poolSize: 3, retries: 0 })

function call (name, ...words) {
  return new Promise((resolve, reject) => client[name](...words, (error, data) => error && error.notStored === undefined && /ECONN/.test(String(error)) ? reject(error) : resolve(data)))
}

async function main () {
  await call('set', 'greeting', 'hello', 600)
  await call('get', 'greeting')
  await call('get', 'nothing')
  await call('add', 'once', 'only', 60)
  await call('add', 'once', 'only', 60)
  await call('replace', 'once', 'again', 60)
  await call('append', 'once', ' and more')
  await call('prepend', 'once', 'less and ')
  const item = await call('gets', 'greeting')
  await call('cas', 'greeting', 'changed', item.cas, 600)
  await call('cas', 'greeting', 'changed', item.cas, 600)
  await call('set', 'counter', 10, 600)
  await call('incr', 'counter', 5)
  await call('decr', 'counter', 2)
  await call('touch', 'greeting', 900)
  await call('set', 'wide', 'w'.repeat(20000), 600)
  await call('get', 'wide')
  await Promise.all(Array.from({ length: 30 }, (_, i) => call('set', 'many' + i, { number: i }, 600)))
  await call('getMulti', Array.from({ length: 40 }, (_, i) => 'many' + i))
  await call('del', 'once')
  await call('version')
  await call('stats')
  await call('settings')
  await call('slabs')
  await call('items')
  client.end()
}

main().catch(error => { console.error(error); process.exit(1) })
