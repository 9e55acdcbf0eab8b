using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace LoraAdmin.Platform.Data.Migrations.Sqlite
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
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "bill_hold_at",
                table: "pod_ledger",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "earlier_prices",
                table: "pod_ledger",
                type: "TEXT",
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
