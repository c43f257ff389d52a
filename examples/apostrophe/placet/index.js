// Prints what Placet wants to know of an Apostrophe project: `node app placet:types > policies/site/types.json`.
//
// Copy this directory to `modules/placet` of the project, and add `placet: {}` to its modules.

// The options that decide who may do what, by the names that Apostrophe gives them.
const OPTIONS = [
  'viewRole',
  'editRole',
  'publishRole',
  'localized',
  'autopublish',
  'singleton',
  'adminOnly',
  'guestApiAccess',
  'publicApiProjection'
];
// What decides about a field.
const FIELD = [ 'name', 'type', 'withType', 'viewPermission', 'editPermission' ];

function pick(from, keys) {
  const told = keys.filter(key => from[key] !== undefined && from[key] !== null);
  return Object.fromEntries(told.map(key => [ key, from[key] ]));
}

function describeField(field) {
  const described = pick(field, FIELD);
  for (const key of [ 'viewPermission', 'editPermission' ]) {
    if (described[key]) {
      described[key] = pick(described[key], [ 'action', 'type' ]);
    }
  }
  return described;
}

module.exports = {
  methods(self) {
    return {
      // Returns the document types of the project, by name.
      describeTypes() {
        const req = self.apos.task.getReq();
        const types = {};
        for (const [ name, manager ] of Object.entries(self.apos.doc.managers)) {
          const isPage = name === '@apostrophecms/any-page-type' ||
            self.apos.instanceOf(manager, '@apostrophecms/page-type');
          types[name] = {
            kind: isPage ? 'page' : 'piece',
            label: req.t(manager.options.label || name),
            ...pick(manager.options, OPTIONS),
            fields: manager.schema.map(describeField)
          };
        }
        return types;
      }
    };
  },
  tasks(self) {
    return {
      types: {
        usage: 'Prints the document types of the project as the file types.json of Placet.',
        async task() {
          const text = `${JSON.stringify(self.describeTypes(), null, 2)}\n`;
          await new Promise(resolve => process.stdout.write(text, resolve));
        }
      }
    };
  }
};
