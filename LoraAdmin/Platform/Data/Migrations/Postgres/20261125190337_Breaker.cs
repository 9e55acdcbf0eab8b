using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace LoraAdmin.Platform.Data.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class Breaker : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "creation_permit",
                table: "pod_ledger",
                type: "text",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "breaker_told",
                columns: table => new
                {
                    id = table.Column<int>(type: "integer", nullable: false),
                    born = table.Column<string>(type: "text", nullable: false),
                    entries = table.Column<long>(type: "bigint", nullable: false),
                    circuit = table.Column<string>(type: "text", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_breaker_told", x => x.id);
                });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "breaker_told");

            migrationBuilder.DropColumn(
                name: "creation_permit",
                table: "pod_ledger");
        }
    }
}
