using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace LoraAdmin.Platform.Data.Migrations.Sqlite
{
    /// <inheritdoc />
    public partial class ProviderMoney : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
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
                name: "ix_gpu_prices_gpu_type",
                table: "gpu_prices",
                column: "gpu_type",
                unique: true,
                filter: "valid_until IS NULL");

            migrationBuilder.CreateIndex(
                name: "ix_gpu_prices_valid_from",
                table: "gpu_prices",
                column: "valid_from");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "balance_readings");

            migrationBuilder.DropTable(
                name: "billing_records");

            migrationBuilder.DropTable(
                name: "gpu_prices");

            migrationBuilder.DropIndex(
                name: "ix_pod_ledger_gone_at1",
                table: "pod_ledger");
        }
    }
}
