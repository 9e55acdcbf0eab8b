using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace LoraAdmin.Platform.Data.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class Initial : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "api_tokens",
                columns: table => new
                {
                    id = table.Column<string>(type: "TEXT", nullable: false),
                    name = table.Column<string>(type: "TEXT", nullable: false),
                    sha256 = table.Column<string>(type: "TEXT", nullable: false),
                    scopes = table.Column<string>(type: "TEXT", nullable: false),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    expires_at = table.Column<long>(type: "INTEGER", nullable: true),
                    revoked_at = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_api_tokens", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "budget_months",
                columns: table => new
                {
                    month = table.Column<string>(type: "TEXT", nullable: false),
                    limit_micros = table.Column<long>(type: "INTEGER", nullable: false),
                    spent_micros = table.Column<long>(type: "INTEGER", nullable: false),
                    reserved_micros = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_budget_months", x => x.month);
                });

            migrationBuilder.CreateTable(
                name: "data_protection_keys",
                columns: table => new
                {
                    id = table.Column<int>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    friendly_name = table.Column<string>(type: "TEXT", nullable: true),
                    xml = table.Column<string>(type: "TEXT", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_data_protection_keys", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "error_events",
                columns: table => new
                {
                    event_id = table.Column<string>(type: "TEXT", nullable: false),
                    at = table.Column<long>(type: "INTEGER", nullable: false),
                    code = table.Column<string>(type: "TEXT", nullable: false),
                    failed_part = table.Column<string>(type: "TEXT", nullable: false),
                    provider_words = table.Column<string>(type: "TEXT", nullable: true),
                    correlation_id = table.Column<string>(type: "TEXT", nullable: true),
                    job_id = table.Column<string>(type: "TEXT", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_error_events", x => x.event_id);
                });

            migrationBuilder.CreateTable(
                name: "idempotency_keys",
                columns: table => new
                {
                    token_id = table.Column<string>(type: "TEXT", nullable: false),
                    idempotency_key = table.Column<string>(type: "TEXT", nullable: false),
                    body_hash = table.Column<string>(type: "TEXT", nullable: false),
                    job_id = table.Column<string>(type: "TEXT", nullable: false),
                    lora_id = table.Column<string>(type: "TEXT", nullable: false),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_idempotency_keys", x => new { x.token_id, x.idempotency_key });
                });

            migrationBuilder.CreateTable(
                name: "installation",
                columns: table => new
                {
                    only_row = table.Column<int>(type: "INTEGER", nullable: false),
                    id = table.Column<string>(type: "TEXT", nullable: true),
                    cloud = table.Column<string>(type: "TEXT", nullable: false),
                    agent_key = table.Column<byte[]>(type: "BLOB", nullable: false),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_installation", x => x.only_row);
                });

            migrationBuilder.CreateTable(
                name: "limit_charges",
                columns: table => new
                {
                    job_id = table.Column<string>(type: "TEXT", nullable: false),
                    admission = table.Column<int>(type: "INTEGER", nullable: false),
                    user_id = table.Column<string>(type: "TEXT", nullable: false),
                    period = table.Column<string>(type: "TEXT", nullable: false),
                    charged_at = table.Column<long>(type: "INTEGER", nullable: false),
                    refunded_at = table.Column<long>(type: "INTEGER", nullable: true),
                    refund_reason = table.Column<string>(type: "TEXT", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_limit_charges", x => new { x.job_id, x.admission });
                });

            migrationBuilder.CreateTable(
                name: "loop_leases",
                columns: table => new
                {
                    name = table.Column<string>(type: "TEXT", nullable: false),
                    owner = table.Column<string>(type: "TEXT", nullable: false),
                    held_until = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_loop_leases", x => x.name);
                });

            migrationBuilder.CreateTable(
                name: "lora_models",
                columns: table => new
                {
                    id = table.Column<string>(type: "TEXT", nullable: false),
                    user_id = table.Column<string>(type: "TEXT", nullable: false),
                    creator_email = table.Column<string>(type: "TEXT", nullable: false),
                    creator_name = table.Column<string>(type: "TEXT", nullable: true),
                    name = table.Column<string>(type: "TEXT", nullable: false),
                    status = table.Column<string>(type: "TEXT", nullable: false),
                    storage_path = table.Column<string>(type: "TEXT", nullable: true),
                    file_size_bytes = table.Column<long>(type: "INTEGER", nullable: true),
                    file_sha256 = table.Column<string>(type: "TEXT", nullable: true),
                    validation_image_urls = table.Column<string>(type: "TEXT", nullable: true),
                    error_message = table.Column<string>(type: "TEXT", nullable: true),
                    is_private = table.Column<bool>(type: "INTEGER", nullable: false),
                    last_used_at = table.Column<long>(type: "INTEGER", nullable: true),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    updated_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_lora_models", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "lora_training_jobs",
                columns: table => new
                {
                    id = table.Column<string>(type: "TEXT", nullable: false),
                    lora_id = table.Column<string>(type: "TEXT", nullable: false),
                    user_id = table.Column<string>(type: "TEXT", nullable: false),
                    status = table.Column<string>(type: "TEXT", nullable: false),
                    provider = table.Column<string>(type: "TEXT", nullable: true),
                    runpod_pod_id = table.Column<string>(type: "TEXT", nullable: true),
                    replicate_training_id = table.Column<string>(type: "TEXT", nullable: true),
                    error_code = table.Column<string>(type: "TEXT", nullable: true),
                    error_message = table.Column<string>(type: "TEXT", nullable: true),
                    cleanup_status = table.Column<string>(type: "TEXT", nullable: true),
                    cost_usd = table.Column<decimal>(type: "TEXT", nullable: true),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    started_at = table.Column<long>(type: "INTEGER", nullable: true),
                    completed_at = table.Column<long>(type: "INTEGER", nullable: true),
                    updated_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_lora_training_jobs", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "operational_events",
                columns: table => new
                {
                    sequence = table.Column<long>(type: "INTEGER", nullable: false)
                        .Annotation("Sqlite:Autoincrement", true),
                    id = table.Column<string>(type: "TEXT", nullable: false),
                    at = table.Column<long>(type: "INTEGER", nullable: false),
                    kind = table.Column<string>(type: "TEXT", nullable: false),
                    message = table.Column<string>(type: "TEXT", nullable: false),
                    severity = table.Column<string>(type: "TEXT", nullable: false),
                    actor_kind = table.Column<string>(type: "TEXT", nullable: false),
                    actor_name = table.Column<string>(type: "TEXT", nullable: false),
                    job_id = table.Column<string>(type: "TEXT", nullable: true),
                    lora_id = table.Column<string>(type: "TEXT", nullable: true),
                    user_id = table.Column<string>(type: "TEXT", nullable: true),
                    attempt = table.Column<int>(type: "INTEGER", nullable: true),
                    pod = table.Column<string>(type: "TEXT", nullable: true),
                    reason = table.Column<string>(type: "TEXT", nullable: true),
                    has_error = table.Column<bool>(type: "INTEGER", nullable: false),
                    processed_at = table.Column<long>(type: "INTEGER", nullable: true),
                    claimed_until = table.Column<long>(type: "INTEGER", nullable: true),
                    claims = table.Column<int>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_operational_events", x => x.sequence);
                });

            migrationBuilder.CreateTable(
                name: "pod_ledger",
                columns: table => new
                {
                    name = table.Column<string>(type: "TEXT", nullable: false),
                    job_id = table.Column<string>(type: "TEXT", nullable: false),
                    attempt = table.Column<int>(type: "INTEGER", nullable: false),
                    try_number = table.Column<int>(type: "INTEGER", nullable: false),
                    want = table.Column<string>(type: "TEXT", nullable: false),
                    want_reason = table.Column<string>(type: "TEXT", nullable: true),
                    want_since = table.Column<long>(type: "INTEGER", nullable: true),
                    file_proof = table.Column<string>(type: "TEXT", nullable: false),
                    saw = table.Column<string>(type: "TEXT", nullable: false),
                    pod_id = table.Column<string>(type: "TEXT", nullable: true),
                    gpu_type = table.Column<string>(type: "TEXT", nullable: false),
                    hourly_micros = table.Column<long>(type: "INTEGER", nullable: true),
                    requested_at = table.Column<long>(type: "INTEGER", nullable: false),
                    created_at = table.Column<long>(type: "INTEGER", nullable: true),
                    last_seen_at = table.Column<long>(type: "INTEGER", nullable: true),
                    absent_since = table.Column<long>(type: "INTEGER", nullable: true),
                    gone_at = table.Column<long>(type: "INTEGER", nullable: true),
                    terminate_attempts = table.Column<int>(type: "INTEGER", nullable: false),
                    next_action_at = table.Column<long>(type: "INTEGER", nullable: true),
                    last_error = table.Column<string>(type: "TEXT", nullable: true),
                    version = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_pod_ledger", x => x.name);
                });

            migrationBuilder.CreateTable(
                name: "sign_in_links",
                columns: table => new
                {
                    sha256 = table.Column<string>(type: "TEXT", nullable: false),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    expires_at = table.Column<long>(type: "INTEGER", nullable: false),
                    spent_at = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_sign_in_links", x => x.sha256);
                });

            migrationBuilder.CreateTable(
                name: "spool_files",
                columns: table => new
                {
                    job_id = table.Column<string>(type: "TEXT", nullable: false),
                    attempt = table.Column<int>(type: "INTEGER", nullable: false),
                    instance = table.Column<string>(type: "TEXT", nullable: false),
                    name = table.Column<string>(type: "TEXT", nullable: false),
                    size_bytes = table.Column<long>(type: "INTEGER", nullable: false),
                    sha256 = table.Column<string>(type: "TEXT", nullable: false),
                    verified_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_spool_files", x => x.job_id);
                });

            migrationBuilder.CreateTable(
                name: "training_progress",
                columns: table => new
                {
                    job_id = table.Column<string>(type: "TEXT", nullable: false),
                    lora_id = table.Column<string>(type: "TEXT", nullable: false),
                    user_id = table.Column<string>(type: "TEXT", nullable: false),
                    name = table.Column<string>(type: "TEXT", nullable: false),
                    creator_email = table.Column<string>(type: "TEXT", nullable: false),
                    search_text = table.Column<string>(type: "TEXT", nullable: false),
                    gpu_type = table.Column<string>(type: "TEXT", nullable: true),
                    state = table.Column<string>(type: "TEXT", nullable: false),
                    is_open = table.Column<bool>(type: "INTEGER", nullable: false),
                    state_since = table.Column<long>(type: "INTEGER", nullable: false),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    updated_at = table.Column<long>(type: "INTEGER", nullable: false),
                    started_at = table.Column<long>(type: "INTEGER", nullable: true),
                    completed_at = table.Column<long>(type: "INTEGER", nullable: true),
                    attempt = table.Column<int>(type: "INTEGER", nullable: false),
                    admission = table.Column<int>(type: "INTEGER", nullable: false),
                    wait_reason = table.Column<string>(type: "TEXT", nullable: true),
                    waiting_since = table.Column<long>(type: "INTEGER", nullable: true),
                    failure_code = table.Column<string>(type: "TEXT", nullable: true),
                    failure_detail = table.Column<string>(type: "TEXT", nullable: true),
                    cancel_by_kind = table.Column<string>(type: "TEXT", nullable: true),
                    cancel_by_name = table.Column<string>(type: "TEXT", nullable: true),
                    cancel_reason = table.Column<string>(type: "TEXT", nullable: true),
                    cancel_at = table.Column<long>(type: "INTEGER", nullable: true),
                    provider = table.Column<string>(type: "TEXT", nullable: true),
                    pod_id = table.Column<string>(type: "TEXT", nullable: true),
                    cleanup_status = table.Column<string>(type: "TEXT", nullable: true),
                    cost_micros = table.Column<long>(type: "INTEGER", nullable: true),
                    step = table.Column<int>(type: "INTEGER", nullable: true),
                    total_steps = table.Column<int>(type: "INTEGER", nullable: true),
                    loss = table.Column<double>(type: "REAL", nullable: true),
                    heartbeat_at = table.Column<long>(type: "INTEGER", nullable: true),
                    artifact_bytes = table.Column<long>(type: "INTEGER", nullable: true),
                    artifact_sha256 = table.Column<string>(type: "TEXT", nullable: true),
                    due_at = table.Column<long>(type: "INTEGER", nullable: false),
                    step_errors = table.Column<int>(type: "INTEGER", nullable: false),
                    step_tries = table.Column<int>(type: "INTEGER", nullable: false),
                    wish_version = table.Column<long>(type: "INTEGER", nullable: false),
                    lease_owner = table.Column<string>(type: "TEXT", nullable: true),
                    lease_until = table.Column<long>(type: "INTEGER", nullable: true),
                    fence = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_training_progress", x => x.job_id);
                });

            migrationBuilder.CreateTable(
                name: "training_uploads",
                columns: table => new
                {
                    id = table.Column<string>(type: "TEXT", nullable: false),
                    user_id = table.Column<string>(type: "TEXT", nullable: false),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    claimed_by = table.Column<string>(type: "TEXT", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_training_uploads", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "user_training_limits",
                columns: table => new
                {
                    user_id = table.Column<string>(type: "TEXT", nullable: false),
                    loras_created_this_month = table.Column<int>(type: "INTEGER", nullable: false),
                    month_reset_date = table.Column<DateOnly>(type: "TEXT", nullable: true),
                    monthly_limit = table.Column<int>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_user_training_limits", x => x.user_id);
                });

            migrationBuilder.CreateTable(
                name: "validation_images",
                columns: table => new
                {
                    lora_id = table.Column<string>(type: "TEXT", nullable: false),
                    image_index = table.Column<int>(type: "INTEGER", nullable: false),
                    object_key = table.Column<string>(type: "TEXT", nullable: false),
                    score = table.Column<double>(type: "REAL", nullable: false),
                    passed = table.Column<bool>(type: "INTEGER", nullable: true),
                    reason = table.Column<string>(type: "TEXT", nullable: true),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_validation_images", x => new { x.lora_id, x.image_index });
                });

            migrationBuilder.CreateTable(
                name: "budget_reservations",
                columns: table => new
                {
                    id = table.Column<string>(type: "TEXT", nullable: false),
                    job_id = table.Column<string>(type: "TEXT", nullable: false),
                    attempt = table.Column<int>(type: "INTEGER", nullable: false),
                    month = table.Column<string>(type: "TEXT", nullable: false),
                    amount_micros = table.Column<long>(type: "INTEGER", nullable: false),
                    created_at = table.Column<long>(type: "INTEGER", nullable: false),
                    actual_micros = table.Column<long>(type: "INTEGER", nullable: true),
                    settled_at = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_budget_reservations", x => x.id);
                    table.ForeignKey(
                        name: "fk_budget_reservations_budget_months_month",
                        column: x => x.month,
                        principalTable: "budget_months",
                        principalColumn: "month",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "training_attempts",
                columns: table => new
                {
                    job_id = table.Column<string>(type: "TEXT", nullable: false),
                    number = table.Column<int>(type: "INTEGER", nullable: false),
                    provider = table.Column<string>(type: "TEXT", nullable: false),
                    state = table.Column<string>(type: "TEXT", nullable: false),
                    started_at = table.Column<long>(type: "INTEGER", nullable: false),
                    ended_at = table.Column<long>(type: "INTEGER", nullable: true),
                    failure_code = table.Column<string>(type: "TEXT", nullable: true),
                    cost_micros = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_training_attempts", x => new { x.job_id, x.number });
                    table.ForeignKey(
                        name: "fk_training_attempts_training_progress_job_id",
                        column: x => x.job_id,
                        principalTable: "training_progress",
                        principalColumn: "job_id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "training_images",
                columns: table => new
                {
                    job_id = table.Column<string>(type: "TEXT", nullable: false),
                    number = table.Column<int>(type: "INTEGER", nullable: false),
                    object_key = table.Column<string>(type: "TEXT", nullable: false),
                    sha256 = table.Column<string>(type: "TEXT", nullable: true),
                    size_bytes = table.Column<long>(type: "INTEGER", nullable: true),
                    width = table.Column<int>(type: "INTEGER", nullable: true),
                    height = table.Column<int>(type: "INTEGER", nullable: true),
                    format = table.Column<string>(type: "TEXT", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_training_images", x => new { x.job_id, x.number });
                    table.ForeignKey(
                        name: "fk_training_images_training_progress_job_id",
                        column: x => x.job_id,
                        principalTable: "training_progress",
                        principalColumn: "job_id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "ix_api_tokens_name",
                table: "api_tokens",
                column: "name",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_api_tokens_sha256",
                table: "api_tokens",
                column: "sha256",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_budget_reservations_created_at_id",
                table: "budget_reservations",
                columns: new[] { "created_at", "id" },
                filter: "settled_at IS NULL");

            migrationBuilder.CreateIndex(
                name: "ix_budget_reservations_job_id_attempt",
                table: "budget_reservations",
                columns: new[] { "job_id", "attempt" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_budget_reservations_month",
                table: "budget_reservations",
                column: "month");

            migrationBuilder.CreateIndex(
                name: "ix_error_events_at",
                table: "error_events",
                column: "at");

            migrationBuilder.CreateIndex(
                name: "ix_error_events_job_id_at",
                table: "error_events",
                columns: new[] { "job_id", "at" });

            migrationBuilder.CreateIndex(
                name: "ix_idempotency_keys_created_at",
                table: "idempotency_keys",
                column: "created_at");

            migrationBuilder.CreateIndex(
                name: "ix_limit_charges_user_id_period",
                table: "limit_charges",
                columns: new[] { "user_id", "period" });

            migrationBuilder.CreateIndex(
                name: "ix_operational_events_job_id_sequence",
                table: "operational_events",
                columns: new[] { "job_id", "sequence" });

            migrationBuilder.CreateIndex(
                name: "ix_operational_events_sequence",
                table: "operational_events",
                column: "sequence",
                filter: "processed_at IS NULL");

            migrationBuilder.CreateIndex(
                name: "ix_pod_ledger_job_id_attempt_try_number",
                table: "pod_ledger",
                columns: new[] { "job_id", "attempt", "try_number" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "ix_pod_ledger_pod_id",
                table: "pod_ledger",
                column: "pod_id");

            migrationBuilder.CreateIndex(
                name: "ix_pod_ledger_requested_at_name",
                table: "pod_ledger",
                columns: new[] { "requested_at", "name" },
                filter: "saw <> 'gone'");

            migrationBuilder.CreateIndex(
                name: "ix_spool_files_instance",
                table: "spool_files",
                column: "instance");

            migrationBuilder.CreateIndex(
                name: "ix_training_attempts_job_id",
                table: "training_attempts",
                column: "job_id",
                unique: true,
                filter: "state = 'active'");

            migrationBuilder.CreateIndex(
                name: "ix_training_progress_completed_at_state",
                table: "training_progress",
                columns: new[] { "completed_at", "state" },
                filter: "NOT is_open");

            migrationBuilder.CreateIndex(
                name: "ix_training_progress_created_at_job_id",
                table: "training_progress",
                columns: new[] { "created_at", "job_id" });

            migrationBuilder.CreateIndex(
                name: "ix_training_progress_due_at_job_id",
                table: "training_progress",
                columns: new[] { "due_at", "job_id" },
                filter: "is_open");

            migrationBuilder.CreateIndex(
                name: "ix_training_progress_lora_id",
                table: "training_progress",
                column: "lora_id");

            migrationBuilder.CreateIndex(
                name: "ix_training_progress_state_created_at_job_id",
                table: "training_progress",
                columns: new[] { "state", "created_at", "job_id" });

            migrationBuilder.CreateIndex(
                name: "ix_training_progress_state_state_since",
                table: "training_progress",
                columns: new[] { "state", "state_since" },
                filter: "is_open");

            migrationBuilder.CreateIndex(
                name: "ix_training_progress_user_id_created_at_job_id",
                table: "training_progress",
                columns: new[] { "user_id", "created_at", "job_id" });

            migrationBuilder.CreateIndex(
                name: "ix_training_uploads_created_at",
                table: "training_uploads",
                column: "created_at",
                filter: "claimed_by IS NULL");

            migrationBuilder.CreateIndex(
                name: "ix_validation_images_created_at",
                table: "validation_images",
                column: "created_at");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "api_tokens");

            migrationBuilder.DropTable(
                name: "budget_reservations");

            migrationBuilder.DropTable(
                name: "data_protection_keys");

            migrationBuilder.DropTable(
                name: "error_events");

            migrationBuilder.DropTable(
                name: "idempotency_keys");

            migrationBuilder.DropTable(
                name: "installation");

            migrationBuilder.DropTable(
                name: "limit_charges");

            migrationBuilder.DropTable(
                name: "loop_leases");

            migrationBuilder.DropTable(
                name: "lora_models");

            migrationBuilder.DropTable(
                name: "lora_training_jobs");

            migrationBuilder.DropTable(
                name: "operational_events");

            migrationBuilder.DropTable(
                name: "pod_ledger");

            migrationBuilder.DropTable(
                name: "sign_in_links");

            migrationBuilder.DropTable(
                name: "spool_files");

            migrationBuilder.DropTable(
                name: "training_attempts");

            migrationBuilder.DropTable(
                name: "training_images");

            migrationBuilder.DropTable(
                name: "training_uploads");

            migrationBuilder.DropTable(
                name: "user_training_limits");

            migrationBuilder.DropTable(
                name: "validation_images");

            migrationBuilder.DropTable(
                name: "budget_months");

            migrationBuilder.DropTable(
                name: "training_progress");
        }
    }
}
