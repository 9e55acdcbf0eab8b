using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace LoraAdmin.Platform.Data.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class Money : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<long>(
                name: "accrued_at",
                table: "budget_reservations",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "accrued_micros",
                table: "budget_reservations",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.AddColumn<long>(
                name: "beyond_micros",
                table: "budget_reservations",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.AddColumn<long>(
                name: "failed_micros",
                table: "budget_reservations",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "idle_micros",
                table: "budget_reservations",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "training_micros",
                table: "budget_reservations",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "validation_micros",
                table: "budget_reservations",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "override_micros",
                table: "budget_months",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "override_mode",
                table: "budget_months",
                type: "TEXT",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "balance_readings",
                columns: table => new
                {
                    provider = table.Column<string>(type: "TEXT", nullable: false),
                    balance_micros = table.Column<long>(type: "INTEGER", nullable: true),
                    hourly_micros = table.Column<long>(type: "INTEGER", nullable: true),
                    read_at = table.Column<long>(type: "INTEGER", nullable: true),
                    failing_since = table.Column<long>(type: "INTEGER", nullable: true),
                    failure = table.Column<string>(type: "TEXT", nullable: true),
                    low_told = table.Column<string>(type: "TEXT", nullable: true),
                    failure_told = table.Column<bool>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_balance_readings", x => x.provider);
                });

            migrationBuilder.CreateTable(
                name: "billing_records",
                columns: table => new
                {
                    provider = table.Column<string>(type: "TEXT", nullable: false),
                    pod_id = table.Column<string>(type: "TEXT", nullable: false),
                    bucket_start = table.Column<long>(type: "INTEGER", nullable: false),
                    total_micros = table.Column<long>(type: "INTEGER", nullable: false),
                    gpu_micros = table.Column<long>(type: "INTEGER", nullable: false),
                    cpu_micros = table.Column<long>(type: "INTEGER", nullable: false),
                    disk_micros = table.Column<long>(type: "INTEGER", nullable: false),
                    read_at = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_billing_records", x => new { x.provider, x.pod_id, x.bucket_start });
                });

            migrationBuilder.CreateTable(
                name: "budget_days",
                columns: table => new
                {
                    day = table.Column<string>(type: "TEXT", nullable: false),
                    month = table.Column<string>(type: "TEXT", nullable: false),
                    kind = table.Column<string>(type: "TEXT", nullable: false),
                    purpose = table.Column<string>(type: "TEXT", nullable: false),
                    entries = table.Column<long>(type: "INTEGER", nullable: false),
                    spent_micros = table.Column<long>(type: "INTEGER", nullable: false),
                    reserved_micros = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_budget_days", x => new { x.day, x.month, x.kind, x.purpose });
                });

            migrationBuilder.CreateTable(
                name: "budget_entries",
                columns: table => new
                {
                    key = table.Column<string>(type: "TEXT", nullable: false),
                    month = table.Column<string>(type: "TEXT", nullable: false),
                    at = table.Column<long>(type: "INTEGER", nullable: false),
                    kind = table.Column<string>(type: "TEXT", nullable: false),
                    spent_micros = table.Column<long>(type: "INTEGER", nullable: false),
                    reserved_micros = table.Column<long>(type: "INTEGER", nullable: false),
                    job_id = table.Column<string>(type: "TEXT", nullable: true),
                    attempt = table.Column<int>(type: "INTEGER", nullable: true),
                    pod = table.Column<string>(type: "TEXT", nullable: true),
                    provider = table.Column<string>(type: "TEXT", nullable: true),
                    purpose = table.Column<string>(type: "TEXT", nullable: true),
                    note = table.Column<string>(type: "TEXT", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_budget_entries", x => x.key);
                });

            migrationBuilder.CreateTable(
                name: "budget_limit",
                columns: table => new
                {
                    id = table.Column<int>(type: "INTEGER", nullable: false),
                    limit_micros = table.Column<long>(type: "INTEGER", nullable: true),
                    warn_micros = table.Column<long>(type: "INTEGER", nullable: true),
                    mode = table.Column<string>(type: "TEXT", nullable: true),
                    set_at = table.Column<long>(type: "INTEGER", nullable: true),
                    set_by_kind = table.Column<string>(type: "TEXT", nullable: true),
                    set_by_name = table.Column<string>(type: "TEXT", nullable: true),
                    reason = table.Column<string>(type: "TEXT", nullable: true),
                    option_limit_micros = table.Column<long>(type: "INTEGER", nullable: true),
                    option_warn_micros = table.Column<long>(type: "INTEGER", nullable: true),
                    option_mode = table.Column<string>(type: "TEXT", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_budget_limit", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "budget_limit_changes",
                columns: table => new
                {
                    id = table.Column<string>(type: "TEXT", nullable: false),
                    at = table.Column<long>(type: "INTEGER", nullable: false),
                    actor_kind = table.Column<string>(type: "TEXT", nullable: false),
                    actor_name = table.Column<string>(type: "TEXT", nullable: false),
                    reason = table.Column<string>(type: "TEXT", nullable: false),
                    old_limit_micros = table.Column<long>(type: "INTEGER", nullable: false),
                    old_warn_micros = table.Column<long>(type: "INTEGER", nullable: false),
                    old_mode = table.Column<string>(type: "TEXT", nullable: false),
                    new_limit_micros = table.Column<long>(type: "INTEGER", nullable: false),
                    new_warn_micros = table.Column<long>(type: "INTEGER", nullable: false),
                    new_mode = table.Column<string>(type: "TEXT", nullable: false),
                    follows_options = table.Column<bool>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_budget_limit_changes", x => x.id);
                });

            migrationBuilder.CreateTable(
                name: "gpu_prices",
                columns: table => new
                {
                    gpu_type = table.Column<string>(type: "TEXT", nullable: false),
                    valid_from = table.Column<long>(type: "INTEGER", nullable: false),
                    valid_until = table.Column<long>(type: "INTEGER", nullable: true),
                    hourly_micros = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_gpu_prices", x => new { x.gpu_type, x.valid_from });
                });

            migrationBuilder.InsertData(
                table: "budget_limit",
                columns: new[] { "id", "limit_micros", "mode", "option_limit_micros", "option_mode", "option_warn_micros", "reason", "set_at", "set_by_kind", "set_by_name", "warn_micros" },
                values: new object[] { 1, null, null, null, null, null, null, null, null, null, null });

            migrationBuilder.CreateIndex(
                name: "ix_pod_ledger_gone_at",
                table: "pod_ledger",
                column: "gone_at",
                filter: "gpu_type = '' OR attempt = 0");

            migrationBuilder.CreateIndex(
                name: "ix_pod_ledger_gone_at1",
                table: "pod_ledger",
                column: "gone_at",
                filter: "gone_at IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_billing_records_bucket_start",
                table: "billing_records",
                column: "bucket_start");

            migrationBuilder.CreateIndex(
                name: "ix_budget_days_month",
                table: "budget_days",
                column: "month");

            migrationBuilder.CreateIndex(
                name: "ix_budget_entries_job_id",
                table: "budget_entries",
                column: "job_id");

            migrationBuilder.CreateIndex(
                name: "ix_budget_entries_month_at_key",
                table: "budget_entries",
                columns: new[] { "month", "at", "key" });

            migrationBuilder.CreateIndex(
                name: "ix_budget_entries_month_kind_at_key",
                table: "budget_entries",
                columns: new[] { "month", "kind", "at", "key" },
                filter: "kind IN ('opening', 'top_up', 'leak', 'price_change', 'correction')");

            migrationBuilder.CreateIndex(
                name: "ix_budget_entries_pod",
                table: "budget_entries",
                column: "pod",
                filter: "pod IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "ix_budget_limit_changes_at_id",
                table: "budget_limit_changes",
                columns: new[] { "at", "id" });

            migrationBuilder.CreateIndex(
                name: "ix_gpu_prices_gpu_type",
                table: "gpu_prices",
                column: "gpu_type",
                unique: true,
                filter: "valid_until IS NULL");

            migrationBuilder.CreateIndex(
                name: "ix_gpu_prices_valid_from",
                table: "gpu_prices",
                column: "valid_from");

            migrationBuilder.Sql(OpeningEntries.Of("CAST(strftime('%s', month || '-01') AS INTEGER) * 1000"));
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "balance_readings");

            migrationBuilder.DropTable(
                name: "billing_records");

            migrationBuilder.DropTable(
                name: "budget_days");

            migrationBuilder.DropTable(
                name: "budget_entries");

            migrationBuilder.DropTable(
                name: "budget_limit");

            migrationBuilder.DropTable(
                name: "budget_limit_changes");

            migrationBuilder.DropTable(
                name: "gpu_prices");

            migrationBuilder.DropIndex(
                name: "ix_pod_ledger_gone_at",
                table: "pod_ledger");

            migrationBuilder.DropIndex(
                name: "ix_pod_ledger_gone_at1",
                table: "pod_ledger");

            migrationBuilder.DropColumn(
                name: "accrued_at",
                table: "budget_reservations");

            migrationBuilder.DropColumn(
                name: "accrued_micros",
                table: "budget_reservations");

            migrationBuilder.DropColumn(
                name: "beyond_micros",
                table: "budget_reservations");

            migrationBuilder.DropColumn(
                name: "failed_micros",
                table: "budget_reservations");

            migrationBuilder.DropColumn(
                name: "idle_micros",
                table: "budget_reservations");

            migrationBuilder.DropColumn(
                name: "training_micros",
                table: "budget_reservations");

            migrationBuilder.DropColumn(
                name: "validation_micros",
                table: "budget_reservations");

            migrationBuilder.DropColumn(
                name: "override_micros",
                table: "budget_months");

            migrationBuilder.DropColumn(
                name: "override_mode",
                table: "budget_months");
        }
    }
}
