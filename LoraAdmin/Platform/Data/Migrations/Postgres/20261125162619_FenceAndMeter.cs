using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace LoraAdmin.Platform.Data.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class FenceAndMeter : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<long>(
                name: "billed_micros",
                table: "pod_ledger",
                type: "bigint",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.AddColumn<long>(
                name: "billed_until",
                table: "pod_ledger",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "fetch_until",
                table: "pod_ledger",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "heard_at",
                table: "pod_ledger",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "next_fetch_at",
                table: "pod_ledger",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "proof_at",
                table: "pod_ledger",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "stop_attempts",
                table: "pod_ledger",
                type: "integer",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<long>(
                name: "told_at",
                table: "pod_ledger",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "bound_to",
                table: "installation",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "taken_at",
                table: "incident_facts",
                type: "bigint",
                nullable: false,
                defaultValue: 0L);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "billed_micros",
                table: "pod_ledger");

            migrationBuilder.DropColumn(
                name: "billed_until",
                table: "pod_ledger");

            migrationBuilder.DropColumn(
                name: "fetch_until",
                table: "pod_ledger");

            migrationBuilder.DropColumn(
                name: "heard_at",
                table: "pod_ledger");

            migrationBuilder.DropColumn(
                name: "next_fetch_at",
                table: "pod_ledger");

            migrationBuilder.DropColumn(
                name: "proof_at",
                table: "pod_ledger");

            migrationBuilder.DropColumn(
                name: "stop_attempts",
                table: "pod_ledger");

            migrationBuilder.DropColumn(
                name: "told_at",
                table: "pod_ledger");

            migrationBuilder.DropColumn(
                name: "bound_to",
                table: "installation");

            migrationBuilder.DropColumn(
                name: "taken_at",
                table: "incident_facts");
        }
    }
}
