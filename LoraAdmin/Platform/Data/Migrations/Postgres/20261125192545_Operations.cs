using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace LoraAdmin.Platform.Data.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class Operations : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "operation_occurrences",
                columns: table => new
                {
                    operation = table.Column<string>(type: "text", nullable: false),
                    scheduled_at = table.Column<long>(type: "bigint", nullable: false),
                    state = table.Column<string>(type: "text", nullable: false),
                    why = table.Column<string>(type: "text", nullable: true),
                    run_id = table.Column<Guid>(type: "uuid", nullable: true),
                    made_up_by = table.Column<Guid>(type: "uuid", nullable: true),
                    ended_at = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_operation_occurrences", x => new { x.operation, x.scheduled_at });
                });

            migrationBuilder.CreateTable(
                name: "operation_plan_items",
                columns: table => new
                {
                    plan_id = table.Column<Guid>(type: "uuid", nullable: false),
                    number = table.Column<int>(type: "integer", nullable: false),
                    target = table.Column<string>(type: "text", nullable: false),
                    action = table.Column<string>(type: "text", nullable: false),
                    reason = table.Column<string>(type: "text", nullable: false),
                    label = table.Column<string>(type: "text", nullable: true),
                    bytes = table.Column<long>(type: "bigint", nullable: true),
                    money_micros = table.Column<long>(type: "bigint", nullable: true),
                    detail = table.Column<string>(type: "text", nullable: true),
                    outcome = table.Column<string>(type: "text", nullable: true),
                    outcome_why = table.Column<string>(type: "text", nullable: true),
                    ended_at = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_operation_plan_items", x => new { x.plan_id, x.number });
                });

            migrationBuilder.CreateTable(
                name: "operation_plans",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    operation = table.Column<string>(type: "text", nullable: false),
                    installation = table.Column<string>(type: "text", nullable: false),
                    shape = table.Column<string>(type: "text", nullable: false),
                    as_of = table.Column<long>(type: "bigint", nullable: false),
                    planned_count = table.Column<long>(type: "bigint", nullable: false),
                    predicate = table.Column<string>(type: "text", nullable: true),
                    parameters = table.Column<string>(type: "text", nullable: true),
                    totals = table.Column<string>(type: "text", nullable: true),
                    within_caps = table.Column<int>(type: "integer", nullable: true),
                    cap_words = table.Column<string>(type: "text", nullable: true),
                    hash = table.Column<string>(type: "text", nullable: false),
                    made_by_kind = table.Column<string>(type: "text", nullable: false),
                    made_by_name = table.Column<string>(type: "text", nullable: false),
                    made_at = table.Column<long>(type: "bigint", nullable: false),
                    state = table.Column<string>(type: "text", nullable: false),
                    run_id = table.Column<Guid>(type: "uuid", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_operation_plans", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "operation_run_lines",
                columns: table => new
                {
                    run_id = table.Column<Guid>(type: "uuid", nullable: false),
                    number = table.Column<int>(type: "integer", nullable: false),
                    written_at = table.Column<long>(type: "bigint", nullable: false),
                    severity = table.Column<string>(type: "text", nullable: false),
                    text = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_operation_run_lines", x => new { x.run_id, x.number });
                });

            migrationBuilder.CreateTable(
                name: "operation_runs",
                columns: table => new
                {
                    id = table.Column<Guid>(type: "uuid", nullable: false),
                    operation = table.Column<string>(type: "text", nullable: false),
                    number = table.Column<long>(type: "bigint", nullable: false),
                    run_trigger = table.Column<string>(type: "text", nullable: false),
                    scheduled_at = table.Column<long>(type: "bigint", nullable: true),
                    started_by_kind = table.Column<string>(type: "text", nullable: false),
                    started_by_name = table.Column<string>(type: "text", nullable: false),
                    reason = table.Column<string>(type: "text", nullable: true),
                    state = table.Column<string>(type: "text", nullable: false),
                    started_at = table.Column<long>(type: "bigint", nullable: false),
                    ended_at = table.Column<long>(type: "bigint", nullable: true),
                    instance = table.Column<string>(type: "text", nullable: false),
                    lease_until = table.Column<long>(type: "bigint", nullable: false),
                    plan_id = table.Column<Guid>(type: "uuid", nullable: true),
                    planned = table.Column<long>(type: "bigint", nullable: false),
                    done = table.Column<long>(type: "bigint", nullable: false),
                    ineligible = table.Column<long>(type: "bigint", nullable: false),
                    failed = table.Column<long>(type: "bigint", nullable: false),
                    outcome = table.Column<string>(type: "text", nullable: true),
                    cancel_by_kind = table.Column<string>(type: "text", nullable: true),
                    cancel_by_name = table.Column<string>(type: "text", nullable: true),
                    cancel_reason = table.Column<string>(type: "text", nullable: true),
                    cancel_at = table.Column<long>(type: "bigint", nullable: true),
                    resumes = table.Column<Guid>(type: "uuid", nullable: true),
                    resumed_by = table.Column<Guid>(type: "uuid", nullable: true),
                    attempt = table.Column<int>(type: "integer", nullable: false),
                    figures_before = table.Column<string>(type: "text", nullable: true),
                    figures_after = table.Column<string>(type: "text", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_operation_runs", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "operation_schedules",
                columns: table => new
                {
                    operation = table.Column<string>(type: "text", nullable: false),
                    cron = table.Column<string>(type: "text", nullable: false),
                    time_zone = table.Column<string>(type: "text", nullable: false),
                    catch_up = table.Column<string>(type: "text", nullable: false),
                    is_edited = table.Column<bool>(type: "boolean", nullable: false),
                    pause_reason = table.Column<string>(type: "text", nullable: true),
                    paused_by_kind = table.Column<string>(type: "text", nullable: true),
                    paused_by_name = table.Column<string>(type: "text", nullable: true),
                    paused_at = table.Column<long>(type: "bigint", nullable: true),
                    paused_until = table.Column<long>(type: "bigint", nullable: true),
                    accounted_until = table.Column<long>(type: "bigint", nullable: false),
                    last_number = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_operation_schedules", x => x.operation);
                });

            migrationBuilder.CreateTable(
                name: "operation_standing",
                columns: table => new
                {
                    id = table.Column<int>(type: "integer", nullable: false),
                    seen_at = table.Column<long>(type: "bigint", nullable: true),
                    hold_reason = table.Column<string>(type: "text", nullable: true),
                    held_by_kind = table.Column<string>(type: "text", nullable: true),
                    held_by_name = table.Column<string>(type: "text", nullable: true),
                    held_at = table.Column<long>(type: "bigint", nullable: true),
                    held_until = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_operation_standing", x => x.id);
                });

            migrationBuilder.CreateIndex(
                name: "ix_operation_occurrences_scheduled_at",
                table: "operation_occurrences",
                column: "scheduled_at",
                filter: "ended_at IS NULL");

            migrationBuilder.CreateIndex(
                name: "ix_operation_plans_made_at",
                table: "operation_plans",
                column: "made_at",
                filter: "run_id IS NULL");

            migrationBuilder.CreateIndex(
                name: "ix_operation_plans_run_id",
                table: "operation_plans",
                column: "run_id");

            migrationBuilder.CreateIndex(
                name: "ix_operation_runs_operation",
                table: "operation_runs",
                column: "operation",
                unique: true,
                filter: "state = 'running'");

            migrationBuilder.CreateIndex(
                name: "ix_operation_runs_operation_started_at_id",
                table: "operation_runs",
                columns: new[] { "operation", "started_at", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_operation_runs_started_at_id",
                table: "operation_runs",
                columns: new[] { "started_at", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_operation_runs_state",
                table: "operation_runs",
                column: "state",
                filter: "resumed_by IS NULL AND state IN ('running', 'interrupted')");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "operation_occurrences");

            migrationBuilder.DropTable(
                name: "operation_plan_items");

            migrationBuilder.DropTable(
                name: "operation_plans");

            migrationBuilder.DropTable(
                name: "operation_run_lines");

            migrationBuilder.DropTable(
                name: "operation_runs");

            migrationBuilder.DropTable(
                name: "operation_schedules");

            migrationBuilder.DropTable(
                name: "operation_standing");
        }
    }
}
