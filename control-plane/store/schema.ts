/** "OUTR" in ASCII: tells our state from any other program's SQLite file. */
export const APPLICATION_ID = 0x4f555452;

/** Step n brings a file of version n to version n + 1. A step that was released is never changed. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE identity (instance TEXT NOT NULL) STRICT;
  CREATE TABLE services (key TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE generations (
    service TEXT NOT NULL,
    generation INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (service, generation)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE replicas (id TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT, WITHOUT ROWID;
  -- AUTOINCREMENT: a sequence number is never given twice, even when the newest event was deleted.
  CREATE TABLE events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    service TEXT NOT NULL,
    replica_id TEXT,
    type TEXT NOT NULL,
    message TEXT NOT NULL
  ) STRICT;
  CREATE INDEX events_by_service ON events (service, sequence);
  `,
  `
  CREATE TABLE nodes (name TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT, WITHOUT ROWID;
  -- An event about a node alone has an empty service.
  ALTER TABLE events ADD COLUMN node TEXT;
  `,
  `
  -- What a replica waits for is a value now and no sentence; the next look for a place finds it anew.
  UPDATE replicas SET document = json_set(document, '$.phase.reasons', json('[]'))
  WHERE CASE WHEN json_valid(document) THEN json_extract(document, '$.phase.kind') END = 'pending';
  `,
  `
  -- What nodes lack is a value without words and figures now; the next look for a place finds it anew.
  UPDATE replicas SET document = json_set(document, '$.phase.reasons', json('[]'))
  WHERE CASE WHEN json_valid(document) THEN json_extract(document, '$.phase.kind') END = 'pending';
  `,
  `
  -- Which request created a service, and which named it last, was not stored.
  UPDATE services SET document = json_set(document, '$.createdBy', '', '$.askedBy', '') WHERE json_valid(document);
  `,
];

export const SCHEMA_VERSION = MIGRATIONS.length;
