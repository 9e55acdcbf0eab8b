using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace LoraAdmin.Platform.Data.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class Pods : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ix_pod_ledger_job_id_attempt_try_number",
                table: "pod_ledger");

            migrationBuilder.AddColumn<long>(
                name: "step_at",
                table: "training_progress",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "stuck_since",
                table: "training_progress",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "live_until",
                table: "pod_ledger",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "missing_reads",
                table: "pod_ledger",
                type: "integer",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<string>(
                name: "signals",
                table: "operational_events",
                type: "text",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "incident_ends",
                columns: table => new
                {
                    rule = table.Column<string>(type: "text", nullable: false),
                    subject = table.Column<string>(type: "text", nullable: false),
                    ended_at = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_incident_ends", x => new { x.rule, x.subject });
                });

            migrationBuilder.CreateTable(
                name: "incident_facts",
                columns: table => new
                {
                    event_id = table.Column<Guid>(type: "uuid", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_incident_facts", x => x.event_id);
                });

            migrationBuilder.CreateTable(
                name: "incidents",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    rule = table.Column<string>(type: "text", nullable: false),
                    subject = table.Column<string>(type: "text", nullable: false),
                    severity = table.Column<string>(type: "text", nullable: false),
                    text = table.Column<string>(type: "text", nullable: false),
                    open_since = table.Column<long>(type: "bigint", nullable: false),
                    last_seen_at = table.Column<long>(type: "bigint", nullable: false),
                    seen_count = table.Column<int>(type: "integer", nullable: false),
                    job_id = table.Column<Guid>(type: "uuid", nullable: true),
                    resolved_at = table.Column<long>(type: "bigint", nullable: true),
                    resolved_how = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_incidents", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "pod_claims",
                columns: table => new
                {
                    pod_id = table.Column<string>(type: "text", nullable: false),
                    verdict = table.Column<string>(type: "text", nullable: false),
                    by_kind = table.Column<string>(type: "text", nullable: false),
                    by_name = table.Column<string>(type: "text", nullable: false),
                    reason = table.Column<string>(type: "text", nullable: false),
                    claimed_at = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_pod_claims", x => x.pod_id);
                });

            migrationBuilder.CreateTable(
                name: "training_pause",
                columns: table => new
                {
                    id = table.Column<int>(type: "integer", nullable: false),
                    reason = table.Column<string>(type: "text", nullable: false),
                    by_kind = table.Column<string>(type: "text", nullable: false),
                    by_name = table.Column<string>(type: "text", nullable: false),
                    paused_at = table.Column<long>(type: "bigint", nullable: false),
                    paused_until = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_training_pause", x => x.id);
                });

            migrationBuilder.CreateIndex(
                name: "ix_pod_ledger_job_id_attempt_try_number",
                table: "pod_ledger",
                columns: new[] { "job_id", "attempt", "try_number" });

            migrationBuilder.CreateIndex(
                name: "ix_pod_ledger_want_since",
                table: "pod_ledger",
                column: "want_since");

            migrationBuilder.CreateIndex(
                name: "ix_incident_ends_ended_at",
                table: "incident_ends",
                column: "ended_at");

            migrationBuilder.CreateIndex(
                name: "ix_incidents_rule_subject",
                table: "incidents",
                columns: new[] { "rule", "subject" },
                unique: true,
                filter: "resolved_at IS NULL");

            migrationBuilder.CreateIndex(
                name: "ix_incidents_rule_subject_resolved_at",
                table: "incidents",
                columns: new[] { "rule", "subject", "resolved_at" },
                filter: "resolved_at IS NOT NULL");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "incident_ends");

            migrationBuilder.DropTable(
                name: "incident_facts");

            migrationBuilder.DropTable(
                name: "incidents");

            migrationBuilder.DropTable(
                name: "pod_claims");

            migrationBuilder.DropTable(
                name: "training_pause");

            migrationBuilder.DropIndex(
                name: "ix_pod_ledger_job_id_attempt_try_number",
                table: "pod_ledger");

            migrationBuilder.DropIndex(
                name: "ix_pod_ledger_want_since",
                table: "pod_ledger");

            migrationBuilder.DropColumn(
                name: "step_at",
                table: "training_progress");

            migrationBuilder.DropColumn(
                name: "stuck_since",
                table: "training_progress");

            migrationBuilder.DropColumn(
                name: "live_until",
                table: "pod_ledger");

            migrationBuilder.DropColumn(
                name: "missing_reads",
                table: "pod_ledger");

            migrationBuilder.DropColumn(
                name: "signals",
                table: "operational_events");

            migrationBuilder.CreateIndex(
                name: "ix_pod_ledger_job_id_attempt_try_number",
                table: "pod_ledger",
                columns: new[] { "job_id", "attempt", "try_number" },
                unique: true);
        }
    }
}
