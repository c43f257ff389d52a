// A small project of Apostrophe, whose database lives in this process and goes with it.
const { PGlite } = require('@electric-sql/pglite');
const { PGLiteSocketServer } = require('@electric-sql/pglite-socket');

async function main() {
  const db = await PGlite.create();
  const server = new PGLiteSocketServer({ db, port: 0, host: '127.0.0.1', maxConnections: 20 });
  await server.start();
  process.env.APOS_DB_URI = `postgres://postgres:postgres@${server.getServerConn()}/postgres`;
  await require('apostrophe')({
    root: module,
    shortName: 'placet-door',
    autoBuild: false,
    modules: {
      '@apostrophecms/express': { options: { session: { secret: 'door' } } },
      placet: {},
      article: {
        extend: '@apostrophecms/piece-type',
        options: { label: 'Article', publicApiProjection: { title: 1 } },
        fields: {
          add: {
            price: { type: 'float', label: 'Price', permission: { action: 'publish', type: 'article' } },
            _letters: { type: 'relationship', label: 'Letters', withType: 'letter' }
          }
        }
      },
      letter: {
        extend: '@apostrophecms/piece-type',
        options: { label: 'Letter', viewRole: 'guest', publishRole: 'admin', autopublish: true }
      },
      hours: { extend: '@apostrophecms/piece-type', options: { label: 'Hours', localized: false } },
      'section-page': { extend: '@apostrophecms/page-type', options: { label: 'Section' } }
    }
  });
}

main().catch(error => {
  console.error(error);
  process.exit(1);
});
