using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace LoraAdmin.Platform.Data.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class PodPricesAndHolds : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "bill_hold",
                table: "pod_ledger",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "bill_hold_at",
                table: "pod_ledger",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "earlier_prices",
                table: "pod_ledger",
                type: "text",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "bill_hold",
                table: "pod_ledger");

            migrationBuilder.DropColumn(
                name: "bill_hold_at",
                table: "pod_ledger");

            migrationBuilder.DropColumn(
                name: "earlier_prices",
                table: "pod_ledger");
        }
    }
}
