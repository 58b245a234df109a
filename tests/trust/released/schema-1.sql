BEGIN TRANSACTION;
CREATE TABLE application_versions (
    version_id TEXT NOT NULL PRIMARY KEY,
    version_name TEXT NOT NULL UNIQUE,
    version_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
, "application_name" TEXT DEFAULT NULL);
INSERT INTO "application_versions" VALUES('21f9e59b-8ea9-4187-8dbd-a5f95db88d32','1',1795830546000,1795830546000,'longform');
CREATE TABLE dbos_migrations (version INTEGER NOT NULL PRIMARY KEY);
INSERT INTO "dbos_migrations" VALUES(125);
CREATE TABLE longform_checkpoints (
	job TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	pieces BLOB NOT NULL, 
	PRIMARY KEY (job, "key")
);
CREATE TABLE longform_jobs (
	id TEXT NOT NULL, 
	executor TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	status TEXT NOT NULL, 
	created FLOAT NOT NULL, 
	started FLOAT, 
	finished FLOAT, 
	expires FLOAT, 
	audio_expires FLOAT, 
	fingerprint TEXT NOT NULL, 
	idempotency_key TEXT, 
	file_name TEXT NOT NULL, 
	file_bytes BIGINT NOT NULL, 
	model TEXT NOT NULL, 
	options TEXT NOT NULL, 
	starts INTEGER NOT NULL, 
	seconds FLOAT, 
	seconds_done FLOAT NOT NULL, 
	windows INTEGER, 
	windows_done INTEGER NOT NULL, 
	seconds_left FLOAT, 
	language TEXT, 
	error_code TEXT, 
	error_message TEXT, 
	error_param TEXT, 
	error_is_ours BOOLEAN NOT NULL, 
	webhook_url TEXT, 
	PRIMARY KEY (id), 
	CONSTRAINT longform_jobs_idempotency UNIQUE (owner, idempotency_key)
);
INSERT INTO "longform_jobs" VALUES('job_e9cca1b0de4730eb4ed66b0e','executor-1b470e111557','local','job','completed',1.79583054680765914919e+09,1.79583054688272571565e+09,1.79583054707233309744e+09,1.79842254707233309743e+09,1.79591694707233309746e+09,'31534309fb319597475f40671445d9e696d7a9d97bfc41b6a1d0834cc23808d1','first','talk-1.wav',1280044,'planted','{"decoding":{"task":"transcribe","language":"en","languages":[],"prompt":null,"hotwords":null,"beam_size":5,"best_of":5,"patience":1.0,"length_penalty":null,"temperatures":[0.0,0.2,0.4,0.6,0.8,1.0],"without_timestamps":false,"max_initial_timestamp":1.0,"suppress_blank":true,"suppress_tokens":null,"sample_len":null,"word_timestamps":true,"compression_ratio_threshold":2.4,"logprob_threshold":-1.0,"no_speech_threshold":0.6},"windows":{"window":30.0,"overlap":5.0,"phase":0.0},"merge":{"vote":false,"repair_rounds":2},"segments":{"max_duration":12.0,"max_characters":200},"speech":{"skip_silence":true,"threshold":0.5,"min_silence":0.5,"pad":0.2,"drop_invented":null},"channels":"mix","condition_on_previous_text":false,"language_detection_windows":3}',0,40.0,40.0,2,2,0.0,'en',NULL,NULL,NULL,0,NULL);
INSERT INTO "longform_jobs" VALUES('job_5a6a508e667b0669a0b3aba1','executor-1b470e111557','local','job','running',1.79583054731563758845e+09,1.79583054736666107176e+09,NULL,NULL,NULL,'ef7489e276d285eec679d960071065162f9a10b7d8f35e9ceee267323124b0ed','second','talk-2.wav',3200044,'planted','{"decoding":{"task":"transcribe","language":null,"languages":[],"prompt":null,"hotwords":null,"beam_size":5,"best_of":5,"patience":1.0,"length_penalty":null,"temperatures":[0.0,0.2,0.4,0.6,0.8,1.0],"without_timestamps":false,"max_initial_timestamp":1.0,"suppress_blank":true,"suppress_tokens":null,"sample_len":null,"word_timestamps":true,"compression_ratio_threshold":2.4,"logprob_threshold":-1.0,"no_speech_threshold":0.6},"windows":{"window":30.0,"overlap":5.0,"phase":0.0},"merge":{"vote":false,"repair_rounds":2},"segments":{"max_duration":12.0,"max_characters":200},"speech":{"skip_silence":true,"threshold":0.5,"min_silence":0.5,"pad":0.2,"drop_invented":null},"channels":"mix","condition_on_previous_text":false,"language_detection_windows":3}',1,100.0,0.0,4,0,NULL,NULL,NULL,NULL,NULL,0,NULL);
INSERT INTO "longform_jobs" VALUES('job_91a0ebad1242d776205a2165','executor-1b470e111557','local','job','running',1.79583054743144845963e+09,1.79583054748965954784e+09,NULL,NULL,NULL,'c0e64295650b9e6a9dee815dfbffb111a311e31fae940b4c798917645e851a90','key3','talk-3.wav',640044,'planted','{"decoding":{"task":"transcribe","language":null,"languages":[],"prompt":null,"hotwords":null,"beam_size":5,"best_of":5,"patience":1.0,"length_penalty":null,"temperatures":[0.0,0.2,0.4,0.6,0.8,1.0],"without_timestamps":false,"max_initial_timestamp":1.0,"suppress_blank":true,"suppress_tokens":null,"sample_len":null,"word_timestamps":true,"compression_ratio_threshold":2.4,"logprob_threshold":-1.0,"no_speech_threshold":0.6},"windows":{"window":30.0,"overlap":5.0,"phase":0.0},"merge":{"vote":false,"repair_rounds":2},"segments":{"max_duration":12.0,"max_characters":200},"speech":{"skip_silence":true,"threshold":0.5,"min_silence":0.5,"pad":0.2,"drop_invented":null},"channels":"mix","condition_on_previous_text":false,"language_detection_windows":3}',1,20.0,0.0,1,0,NULL,NULL,NULL,NULL,NULL,0,NULL);
INSERT INTO "longform_jobs" VALUES('job_70b245250b914e7ba97bfb1f','executor-1b470e111557','local','job','running',1.79583054760874271391e+09,1.79583054764647030831e+09,NULL,NULL,NULL,'e1a2d522d6b49ea0e631916b17243626fb85133927760318f47fcf5ad963168e','key4','talk-4.wav',640044,'planted','{"decoding":{"task":"transcribe","language":null,"languages":[],"prompt":null,"hotwords":null,"beam_size":5,"best_of":5,"patience":1.0,"length_penalty":null,"temperatures":[0.0,0.2,0.4,0.6,0.8,1.0],"without_timestamps":false,"max_initial_timestamp":1.0,"suppress_blank":true,"suppress_tokens":null,"sample_len":null,"word_timestamps":true,"compression_ratio_threshold":2.4,"logprob_threshold":-1.0,"no_speech_threshold":0.6},"windows":{"window":30.0,"overlap":5.0,"phase":0.0},"merge":{"vote":false,"repair_rounds":2},"segments":{"max_duration":12.0,"max_characters":200},"speech":{"skip_silence":true,"threshold":0.5,"min_silence":0.5,"pad":0.2,"drop_invented":null},"channels":"mix","condition_on_previous_text":false,"language_detection_windows":3}',1,20.0,0.0,1,0,NULL,NULL,NULL,NULL,NULL,0,NULL);
INSERT INTO "longform_jobs" VALUES('job_1fdc3d7460173eb4622e3e16','executor-1b470e111557','local','job','running',1.79583054772395586968e+09,1.79583054775585055349e+09,NULL,NULL,NULL,'221ee239ba33d475bb001b9bbf7b58696b2d2024558f37b6326664afd58a404f','key5','talk-5.wav',640044,'planted','{"decoding":{"task":"transcribe","language":null,"languages":[],"prompt":null,"hotwords":null,"beam_size":5,"best_of":5,"patience":1.0,"length_penalty":null,"temperatures":[0.0,0.2,0.4,0.6,0.8,1.0],"without_timestamps":false,"max_initial_timestamp":1.0,"suppress_blank":true,"suppress_tokens":null,"sample_len":null,"word_timestamps":true,"compression_ratio_threshold":2.4,"logprob_threshold":-1.0,"no_speech_threshold":0.6},"windows":{"window":30.0,"overlap":5.0,"phase":0.0},"merge":{"vote":false,"repair_rounds":2},"segments":{"max_duration":12.0,"max_characters":200},"speech":{"skip_silence":true,"threshold":0.5,"min_silence":0.5,"pad":0.2,"drop_invented":null},"channels":"mix","condition_on_previous_text":false,"language_detection_windows":3}',1,20.0,0.0,1,0,NULL,NULL,NULL,NULL,NULL,0,NULL);
INSERT INTO "longform_jobs" VALUES('job_80ac354074f40314f2714982','executor-1b470e111557','local','job','queued',1.79583054786078524594e+09,NULL,NULL,NULL,NULL,'c7b62edb2b56aababd4e65b743b5be476d0b04710ba1189939ffc49779d336d7','key6','talk-6.wav',640044,'planted','{"decoding":{"task":"transcribe","language":null,"languages":[],"prompt":null,"hotwords":null,"beam_size":5,"best_of":5,"patience":1.0,"length_penalty":null,"temperatures":[0.0,0.2,0.4,0.6,0.8,1.0],"without_timestamps":false,"max_initial_timestamp":1.0,"suppress_blank":true,"suppress_tokens":null,"sample_len":null,"word_timestamps":true,"compression_ratio_threshold":2.4,"logprob_threshold":-1.0,"no_speech_threshold":0.6},"windows":{"window":30.0,"overlap":5.0,"phase":0.0},"merge":{"vote":false,"repair_rounds":2},"segments":{"max_duration":12.0,"max_characters":200},"speech":{"skip_silence":true,"threshold":0.5,"min_silence":0.5,"pad":0.2,"drop_invented":null},"channels":"mix","condition_on_previous_text":false,"language_detection_windows":3}',0,NULL,0.0,NULL,0,NULL,NULL,NULL,NULL,NULL,0,NULL);
INSERT INTO "longform_jobs" VALUES('job_423b9920523d324e4aec0cc0','executor-1b470e111557','local','job','queued',1.79583054793424582483e+09,NULL,NULL,NULL,NULL,'4a8a2804ae5585d7fbad4faaae7789a01ad7660a6496c565a51a0ae1bf465c17','key7','talk-7.wav',640044,'planted','{"decoding":{"task":"transcribe","language":null,"languages":[],"prompt":null,"hotwords":null,"beam_size":5,"best_of":5,"patience":1.0,"length_penalty":null,"temperatures":[0.0,0.2,0.4,0.6,0.8,1.0],"without_timestamps":false,"max_initial_timestamp":1.0,"suppress_blank":true,"suppress_tokens":null,"sample_len":null,"word_timestamps":true,"compression_ratio_threshold":2.4,"logprob_threshold":-1.0,"no_speech_threshold":0.6},"windows":{"window":30.0,"overlap":5.0,"phase":0.0},"merge":{"vote":false,"repair_rounds":2},"segments":{"max_duration":12.0,"max_characters":200},"speech":{"skip_silence":true,"threshold":0.5,"min_silence":0.5,"pad":0.2,"drop_invented":null},"channels":"mix","condition_on_previous_text":false,"language_detection_windows":3}',0,NULL,0.0,NULL,0,NULL,NULL,NULL,NULL,NULL,0,NULL);
CREATE TABLE longform_schema (
	version INTEGER NOT NULL
);
INSERT INTO "longform_schema" VALUES(1);
CREATE TABLE longform_segments (
	job TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	segment TEXT NOT NULL, 
	PRIMARY KEY (job, number)
);
INSERT INTO "longform_segments" VALUES('job_e9cca1b0de4730eb4ed66b0e',1,'[{"id":0,"start":0.0,"end":30.0,"text":" w1f4d w7d7d w07e9 w01f8","words":[{"text":" w1f4d","start":0.0,"end":7.5,"probability":0.5,"tokens":[0],"window":0,"index":0},{"text":" w7d7d","start":7.5,"end":15.0,"probability":0.6,"tokens":[1],"window":0,"index":1},{"text":" w07e9","start":15.0,"end":22.5,"probability":0.7,"tokens":[2],"window":0,"index":2},{"text":" w01f8","start":22.5,"end":30.0,"probability":0.8,"tokens":[3],"window":0,"index":3}],"temperature":0.0,"avg_logprob":-0.2,"compression_ratio":1.2,"no_speech_prob":0.01,"language":"en","channel":null}]');
INSERT INTO "longform_segments" VALUES('job_e9cca1b0de4730eb4ed66b0e',2,'[{"id":1,"start":30.0,"end":40.0,"text":" w7114 wf2dd w402c weef8","words":[{"text":" w7114","start":30.0,"end":32.5,"probability":0.5,"tokens":[0],"window":1,"index":0},{"text":" wf2dd","start":32.5,"end":35.0,"probability":0.6,"tokens":[1],"window":1,"index":1},{"text":" w402c","start":35.0,"end":37.5,"probability":0.7,"tokens":[2],"window":1,"index":2},{"text":" weef8","start":37.5,"end":40.0,"probability":0.8,"tokens":[3],"window":1,"index":3}],"temperature":0.0,"avg_logprob":-0.2,"compression_ratio":1.2,"no_speech_prob":0.01,"language":"en","channel":null}]');
CREATE TABLE longform_transcripts (
	job TEXT NOT NULL, 
	transcript BLOB NOT NULL, 
	PRIMARY KEY (job)
);
INSERT INTO "longform_transcripts" VALUES('job_e9cca1b0de4730eb4ed66b0e',X'789CED94C172AC2010457FE555AFCD94A879E6F92BA9A929467A8C15050B3093D4D4FCFB6B208998E0229B64931D3697235C6E737F8181CB6EE61D4203282103316B6E7B25A1A9F25D9EC1596961A0B9BF80C5674BAA3F6776AA04298DE59A0A5E85524053EF6E3398B43AF2633FF4F6C5CD51C5AA47940E91EF09D74BA1CE3493018DF09946D72C62D7A28ED89EE8D9ECD6FDE603FC6F046749385BC1F31AFF2DF080F4F4A2486CBD8EE845925EACE9EC74B7D003D2D3CB3CB1F7BB885E26E9E5DA18C6AA855E2EAE97A9BD6FD9CE366C3F1522B2BD8CF6FE15DFD986EF555EB4117DF1BD4C4566CB77B6E13B62EC7BB964A6FA8AEF2CF29DCA06BB11A50DC9EF85BF974F810FB7B0EA8B90E010B5F748FCF6D0CFF5D0DE5DD03821BD6AB3C657ABF953771854E770D0DCE4BB2283568D934663E8E93BF817900EE7EA521DCC84D83E1C829AD653543EBE9AED0397120768E43C0CEE442E322CD5AED53A33AEAD43FB8536798F732233BF4FC0B73E01DF1E9BBDC33DD12F9DE002AFEB0DB64ABA2884B3CCD26B502C13EB3A1D8A4042CD477B9A87F065908F260C4941EBC49BCE6A5AC86DF8BCBE79415A3AC3483202C044DB760A5273F34805ABB934ADEE8FE882CAB5EC65E7F1D7FD7F37458BAF');
CREATE TABLE notifications (
    message_uuid TEXT NOT NULL DEFAULT (hex(randomblob(16))) PRIMARY KEY,
    destination_uuid TEXT NOT NULL,
    topic TEXT,
    message TEXT NOT NULL,
    created_at_epoch_ms INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000), "serialization" TEXT DEFAULT NULL, "consumed" BOOLEAN NOT NULL DEFAULT FALSE, consumed_by_function_id INTEGER,
    FOREIGN KEY (destination_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE "operation_outputs" (
    workflow_uuid TEXT NOT NULL,
    function_id INTEGER NOT NULL,
    function_name TEXT NOT NULL DEFAULT '',
    output TEXT,
    error TEXT,
    child_workflow_id TEXT,
    started_at_epoch_ms INTEGER,
    completed_at_epoch_ms INTEGER,
    serialization TEXT,
    application_name TEXT DEFAULT NULL,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    PRIMARY KEY (workflow_uuid, function_id)
);
INSERT INTO "operation_outputs" VALUES('job_e9cca1b0de4730eb4ed66b0e',1,'step','"67a6ee2db618edc5387afcd43289a904a5a2e84df99ccfcb702cf7215e703ad1"',NULL,NULL,1795830546975,1795830547045,'portable_json','longform',1795830547000);
CREATE TABLE queues (
    queue_id TEXT PRIMARY KEY DEFAULT (hex(randomblob(16))),
    name TEXT NOT NULL UNIQUE,
    concurrency INTEGER,
    worker_concurrency INTEGER,
    rate_limit_max INTEGER,
    rate_limit_period_sec REAL,
    priority_enabled BOOLEAN NOT NULL DEFAULT FALSE,
    partition_queue BOOLEAN NOT NULL DEFAULT FALSE,
    polling_interval_sec REAL NOT NULL DEFAULT 1.0,
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    updated_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
, "application_name" TEXT DEFAULT NULL, "partition_concurrency" INTEGER DEFAULT NULL, "partition_worker_concurrency" INTEGER DEFAULT NULL, "partition_rate_limit_max" INTEGER DEFAULT NULL, "partition_rate_limit_period_sec" REAL DEFAULT NULL);
CREATE TABLE streams (
    workflow_uuid TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    "offset" INTEGER NOT NULL, function_id INTEGER NOT NULL DEFAULT 0, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, key, "offset"),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE workflow_events (
    workflow_uuid TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, key),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid) 
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE workflow_events_history (
    workflow_uuid TEXT NOT NULL,
    function_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL, "serialization" TEXT DEFAULT NULL,
    PRIMARY KEY (workflow_uuid, function_id, key),
    FOREIGN KEY (workflow_uuid) REFERENCES workflow_status(workflow_uuid)
        ON UPDATE CASCADE ON DELETE CASCADE
);
CREATE TABLE workflow_input (
    workflow_uuid TEXT NOT NULL PRIMARY KEY,
    inputs TEXT,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
);
INSERT INTO "workflow_input" VALUES('job_e9cca1b0de4730eb4ed66b0e','{"namedArgs":{},"positionalArgs":["job_e9cca1b0de4730eb4ed66b0e"]}',1795830546000);
INSERT INTO "workflow_input" VALUES('job_5a6a508e667b0669a0b3aba1','{"namedArgs":{},"positionalArgs":["job_5a6a508e667b0669a0b3aba1"]}',1795830547000);
INSERT INTO "workflow_input" VALUES('job_91a0ebad1242d776205a2165','{"namedArgs":{},"positionalArgs":["job_91a0ebad1242d776205a2165"]}',1795830547000);
INSERT INTO "workflow_input" VALUES('job_70b245250b914e7ba97bfb1f','{"namedArgs":{},"positionalArgs":["job_70b245250b914e7ba97bfb1f"]}',1795830547000);
INSERT INTO "workflow_input" VALUES('job_1fdc3d7460173eb4622e3e16','{"namedArgs":{},"positionalArgs":["job_1fdc3d7460173eb4622e3e16"]}',1795830547000);
CREATE TABLE workflow_output (
    workflow_uuid TEXT NOT NULL PRIMARY KEY,
    output TEXT,
    error TEXT,
    retention_timestamp INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000)
);
INSERT INTO "workflow_output" VALUES('job_e9cca1b0de4730eb4ed66b0e','"completed"',NULL,1795830547000);
CREATE TABLE workflow_schedules (
    schedule_id TEXT PRIMARY KEY,
    schedule_name TEXT NOT NULL UNIQUE,
    workflow_name TEXT NOT NULL,
    workflow_class_name TEXT,
    schedule TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'ACTIVE',
    context TEXT NOT NULL
, "last_fired_at" TEXT DEFAULT NULL, "automatic_backfill" BOOLEAN NOT NULL DEFAULT FALSE, "cron_timezone" TEXT DEFAULT NULL, "queue_name" TEXT DEFAULT NULL, "application_name" TEXT DEFAULT NULL);
CREATE TABLE workflow_status (
    workflow_uuid TEXT PRIMARY KEY,
    status TEXT,
    name TEXT,
    authenticated_user TEXT,
    assumed_role TEXT,
    authenticated_roles TEXT,
    request TEXT,
    output TEXT,
    error TEXT,
    executor_id TEXT,
    created_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    updated_at INTEGER NOT NULL DEFAULT (strftime('%s','now') * 1000),
    application_version TEXT,
    application_id TEXT,
    class_name TEXT DEFAULT NULL,
    config_name TEXT DEFAULT NULL,
    recovery_attempts INTEGER DEFAULT 0,
    queue_name TEXT,
    workflow_timeout_ms INTEGER,
    workflow_deadline_epoch_ms INTEGER,
    inputs TEXT,
    started_at_epoch_ms INTEGER,
    deduplication_id TEXT,
    priority INTEGER NOT NULL DEFAULT 0
, queue_partition_key TEXT, forked_from TEXT, "owner_xid" TEXT DEFAULT NULL, "parent_workflow_id" TEXT DEFAULT NULL, "serialization" TEXT DEFAULT NULL, "delay_until_epoch_ms" BIGINT DEFAULT NULL, "was_forked_from" BOOLEAN NOT NULL DEFAULT FALSE, "rate_limited" BOOLEAN NOT NULL DEFAULT FALSE, "completed_at" BIGINT, "attributes" TEXT, "schedule_name" TEXT, "debounce_deadline_epoch_ms" BIGINT DEFAULT NULL, "is_debounced" BOOLEAN NOT NULL DEFAULT FALSE, "application_name" TEXT DEFAULT NULL, "creator_xid" TEXT DEFAULT NULL);
INSERT INTO "workflow_status" VALUES('job_e9cca1b0de4730eb4ed66b0e','SUCCESS','transcribe',NULL,NULL,NULL,NULL,NULL,NULL,'executor-1b470e111557',1795830546000,1795830547000,'1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,NULL,NULL,'portable_json',NULL,0,0,1795830547000,'null',NULL,NULL,0,'longform','8a99cc41-f2f7-4ae8-9d8a-28c4bf4d6cbf');
INSERT INTO "workflow_status" VALUES('job_5a6a508e667b0669a0b3aba1','PENDING','transcribe',NULL,NULL,NULL,NULL,NULL,NULL,'executor-1b470e111557',1795830547000,1795830547000,'1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'8b996af8-220b-484f-be1c-c0ad5dbc22a7',NULL,'portable_json',NULL,0,0,NULL,'null',NULL,NULL,0,'longform','8b996af8-220b-484f-be1c-c0ad5dbc22a7');
INSERT INTO "workflow_status" VALUES('job_91a0ebad1242d776205a2165','PENDING','transcribe',NULL,NULL,NULL,NULL,NULL,NULL,'executor-1b470e111557',1795830547000,1795830547000,'1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'7fef1024-0e6e-478a-b661-279cade1aefb',NULL,'portable_json',NULL,0,0,NULL,'null',NULL,NULL,0,'longform','7fef1024-0e6e-478a-b661-279cade1aefb');
INSERT INTO "workflow_status" VALUES('job_70b245250b914e7ba97bfb1f','PENDING','transcribe',NULL,NULL,NULL,NULL,NULL,NULL,'executor-1b470e111557',1795830547000,1795830547000,'1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'21c2a5cc-b63e-420e-8c4b-692c2e1ac082',NULL,'portable_json',NULL,0,0,NULL,'null',NULL,NULL,0,'longform','21c2a5cc-b63e-420e-8c4b-692c2e1ac082');
INSERT INTO "workflow_status" VALUES('job_1fdc3d7460173eb4622e3e16','PENDING','transcribe',NULL,NULL,NULL,NULL,NULL,NULL,'executor-1b470e111557',1795830547000,1795830547000,'1','',NULL,NULL,1,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,'d4387d63-eca8-4655-97e2-f78e4d088acf',NULL,'portable_json',NULL,0,0,NULL,'null',NULL,NULL,0,'longform','d4387d63-eca8-4655-97e2-f78e4d088acf');
CREATE INDEX longform_jobs_by_fingerprint ON longform_jobs (owner, fingerprint);
CREATE INDEX longform_jobs_by_status ON longform_jobs (status, executor);
CREATE INDEX longform_jobs_by_owner ON longform_jobs (owner, created);
CREATE INDEX workflow_status_created_at_index ON workflow_status (created_at);
CREATE INDEX idx_workflow_topic ON notifications (destination_uuid, topic);
CREATE INDEX "idx_workflow_status_delayed" ON "workflow_status" ("delay_until_epoch_ms") WHERE status = 'DELAYED';
CREATE INDEX "idx_workflow_status_forked_from" ON "workflow_status" ("forked_from") WHERE "forked_from" IS NOT NULL;
CREATE INDEX "idx_workflow_status_parent_workflow_id" ON "workflow_status" ("parent_workflow_id") WHERE "parent_workflow_id" IS NOT NULL;
CREATE UNIQUE INDEX "uq_workflow_status_dedup_id" ON "workflow_status" ("queue_name", "deduplication_id") WHERE "deduplication_id" IS NOT NULL;
CREATE INDEX "idx_workflow_status_pending" ON "workflow_status" ("created_at") WHERE "status" = 'PENDING';
CREATE INDEX "idx_workflow_status_failed" ON "workflow_status" ("status", "created_at") WHERE "status" IN ('ERROR', 'CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED');
CREATE INDEX "idx_workflow_status_rate_limited" ON "workflow_status" ("queue_name", "started_at_epoch_ms") WHERE "rate_limited" = TRUE;
CREATE INDEX "idx_workflow_status_completed_at" ON "workflow_status" ("completed_at") WHERE "completed_at" IS NOT NULL;
CREATE INDEX "idx_workflow_status_started_at" ON "workflow_status" ("started_at_epoch_ms") WHERE "started_at_epoch_ms" IS NOT NULL;
CREATE INDEX "idx_workflow_status_schedule_name" ON "workflow_status" ("schedule_name") WHERE "schedule_name" IS NOT NULL;
CREATE UNIQUE INDEX "uq_application_versions_owner_version"
    ON application_versions ("application_name", "version_name")
    WHERE "application_name" IS NOT NULL;
CREATE UNIQUE INDEX "uq_application_versions_unclaimed_version"
    ON application_versions ("version_name")
    WHERE "application_name" IS NULL;
CREATE INDEX idx_workflow_input_retention
    ON workflow_input (retention_timestamp);
CREATE INDEX idx_workflow_output_retention
    ON workflow_output (retention_timestamp);
CREATE INDEX idx_operation_outputs_retention
    ON operation_outputs (retention_timestamp);
CREATE INDEX "idx_workflow_status_in_flight_v2" ON "workflow_status" ("queue_name", "status", "priority", "created_at", "application_name") WHERE "status" IN ('ENQUEUED', 'PENDING');
CREATE INDEX "idx_workflow_status_partition_dequeue_v3" ON "workflow_status" ("queue_name", "status", "queue_partition_key", "priority", "created_at", "workflow_uuid", "application_name") WHERE "status" IN ('ENQUEUED', 'PENDING') AND "queue_partition_key" IS NOT NULL;
CREATE INDEX "idx_operation_outputs_completed_at_function_name_v2" ON "operation_outputs" ("completed_at_epoch_ms", "function_name", "application_name");
CREATE INDEX "idx_workflow_status_deadline" ON "workflow_status" ("workflow_deadline_epoch_ms") WHERE "status" IN ('ENQUEUED', 'PENDING', 'DELAYED') AND "workflow_deadline_epoch_ms" IS NOT NULL;
CREATE INDEX "idx_application_versions_timestamp" ON "application_versions" ("version_timestamp" DESC);
CREATE INDEX "idx_application_versions_owner_timestamp" ON "application_versions" ("application_name", "version_timestamp" DESC);
COMMIT;
