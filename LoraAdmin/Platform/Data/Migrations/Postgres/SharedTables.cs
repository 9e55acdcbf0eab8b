namespace LoraAdmin.Platform.Data.Migrations.Postgres;

/// <summary>
/// The three tables that other services read too. A fresh database gets them whole; on a database that has them already, missing columns are added,
/// and none is dropped or retyped.
/// </summary>
internal static class SharedTables
{
    public const string CreateOrAdopt = """
        CREATE TABLE IF NOT EXISTS lora_models (
            id uuid NOT NULL CONSTRAINT pk_lora_models PRIMARY KEY);
        ALTER TABLE lora_models
            ADD COLUMN IF NOT EXISTS user_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
            ADD COLUMN IF NOT EXISTS creator_email text NOT NULL DEFAULT '',
            ADD COLUMN IF NOT EXISTS creator_name text,
            ADD COLUMN IF NOT EXISTS name text NOT NULL DEFAULT '',
            ADD COLUMN IF NOT EXISTS status text NOT NULL DEFAULT 'training',
            ADD COLUMN IF NOT EXISTS storage_path text,
            ADD COLUMN IF NOT EXISTS file_size_bytes bigint,
            ADD COLUMN IF NOT EXISTS file_sha256 text,
            ADD COLUMN IF NOT EXISTS validation_image_urls text[],
            ADD COLUMN IF NOT EXISTS error_message text,
            ADD COLUMN IF NOT EXISTS is_private boolean NOT NULL DEFAULT false,
            ADD COLUMN IF NOT EXISTS last_used_at timestamptz,
            ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT now(),
            ADD COLUMN IF NOT EXISTS updated_at timestamptz NOT NULL DEFAULT now();

        CREATE TABLE IF NOT EXISTS lora_training_jobs (
            id uuid NOT NULL CONSTRAINT pk_lora_training_jobs PRIMARY KEY);
        ALTER TABLE lora_training_jobs
            ADD COLUMN IF NOT EXISTS lora_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
            ADD COLUMN IF NOT EXISTS user_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
            ADD COLUMN IF NOT EXISTS status text NOT NULL DEFAULT 'queued',
            ADD COLUMN IF NOT EXISTS provider text,
            ADD COLUMN IF NOT EXISTS runpod_pod_id text,
            ADD COLUMN IF NOT EXISTS replicate_training_id text,
            ADD COLUMN IF NOT EXISTS error_code text,
            ADD COLUMN IF NOT EXISTS error_message text,
            ADD COLUMN IF NOT EXISTS cleanup_status text,
            ADD COLUMN IF NOT EXISTS cost_usd numeric,
            ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT now(),
            ADD COLUMN IF NOT EXISTS started_at timestamptz,
            ADD COLUMN IF NOT EXISTS completed_at timestamptz,
            ADD COLUMN IF NOT EXISTS updated_at timestamptz NOT NULL DEFAULT now();

        CREATE TABLE IF NOT EXISTS user_training_limits (
            user_id uuid NOT NULL CONSTRAINT pk_user_training_limits PRIMARY KEY);
        ALTER TABLE user_training_limits
            ADD COLUMN IF NOT EXISTS loras_created_this_month integer NOT NULL DEFAULT 0,
            ADD COLUMN IF NOT EXISTS month_reset_date date,
            ADD COLUMN IF NOT EXISTS monthly_limit integer;

        CREATE UNIQUE INDEX IF NOT EXISTS ux_user_training_limits_user_id ON user_training_limits (user_id);

        UPDATE lora_models SET creator_email = '' WHERE creator_email IS NULL;
        UPDATE lora_models SET name = '' WHERE name IS NULL;
        UPDATE lora_models SET is_private = false WHERE is_private IS NULL;
        UPDATE lora_models SET created_at = COALESCE(updated_at, now()) WHERE created_at IS NULL;
        UPDATE lora_models SET updated_at = created_at WHERE updated_at IS NULL;
        UPDATE lora_training_jobs SET created_at = COALESCE(updated_at, now()) WHERE created_at IS NULL;
        UPDATE lora_training_jobs SET updated_at = created_at WHERE updated_at IS NULL;
        """;
}
