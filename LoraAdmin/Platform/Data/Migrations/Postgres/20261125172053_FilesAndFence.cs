using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace LoraAdmin.Platform.Data.Migrations.Postgres
{
    /// <inheritdoc />
    public partial class FilesAndFence : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropPrimaryKey(
                name: "pk_validation_images",
                table: "validation_images");

            migrationBuilder.DropPrimaryKey(
                name: "pk_spool_files",
                table: "spool_files");

            migrationBuilder.DropIndex(
                name: "ix_spool_files_instance",
                table: "spool_files");

            migrationBuilder.RenameColumn(
                name: "instance",
                table: "spool_files",
                newName: "spool_id");

            migrationBuilder.AddColumn<int>(
                name: "attempt",
                table: "validation_images",
                type: "integer",
                nullable: false,
                defaultValue: 1);

            migrationBuilder.AddColumn<bool>(
                name: "is_pending",
                table: "validation_images",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<long>(
                name: "failing_since",
                table: "training_progress",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "images_gone_at",
                table: "training_progress",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "spool_id",
                table: "training_progress",
                type: "text",
                nullable: true);

            migrationBuilder.AlterColumn<Guid>(
                name: "job_id",
                table: "spool_files",
                type: "uuid",
                nullable: true,
                oldClrType: typeof(Guid),
                oldType: "uuid");

            migrationBuilder.AddColumn<string>(
                name: "discard_reason",
                table: "spool_files",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "discarded_at",
                table: "spool_files",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "discarded_by_kind",
                table: "spool_files",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "discarded_by_name",
                table: "spool_files",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "due_at",
                table: "spool_files",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "failed_runs",
                table: "spool_files",
                type: "integer",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<string>(
                name: "last_error",
                table: "spool_files",
                type: "text",
                nullable: true);

            migrationBuilder.AddColumn<long>(
                name: "last_tried_at",
                table: "spool_files",
                type: "bigint",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "pod",
                table: "spool_files",
                type: "text",
                nullable: true);

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

            migrationBuilder.AddPrimaryKey(
                name: "pk_validation_images",
                table: "validation_images",
                columns: new[] { "lora_id", "attempt", "image_index" });

            migrationBuilder.AddPrimaryKey(
                name: "pk_spool_files",
                table: "spool_files",
                columns: new[] { "spool_id", "name" });

            migrationBuilder.CreateTable(
                name: "spool_instances",
                columns: table => new
                {
                    instance = table.Column<string>(type: "text", nullable: false),
                    spool_id = table.Column<string>(type: "text", nullable: false),
                    host = table.Column<string>(type: "text", nullable: false),
                    last_seen_at = table.Column<long>(type: "bigint", nullable: false),
                    is_silence_told = table.Column<bool>(type: "boolean", nullable: false),
                    is_away_told = table.Column<bool>(type: "boolean", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_spool_instances", x => new { x.instance, x.spool_id });
                });

            migrationBuilder.CreateIndex(
                name: "ix_training_progress_completed_at",
                table: "training_progress",
                column: "completed_at",
                filter: "NOT is_open AND images_gone_at IS NULL");

            migrationBuilder.CreateIndex(
                name: "ix_spool_files_job_id",
                table: "spool_files",
                column: "job_id");

            migrationBuilder.CreateIndex(
                name: "ix_spool_instances_spool_id_last_seen_at",
                table: "spool_instances",
                columns: new[] { "spool_id", "last_seen_at" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "spool_instances");

            migrationBuilder.DropPrimaryKey(
                name: "pk_validation_images",
                table: "validation_images");

            migrationBuilder.DropIndex(
                name: "ix_training_progress_completed_at",
                table: "training_progress");

            migrationBuilder.DropPrimaryKey(
                name: "pk_spool_files",
                table: "spool_files");

            migrationBuilder.DropIndex(
                name: "ix_spool_files_job_id",
                table: "spool_files");

            migrationBuilder.DropColumn(
                name: "attempt",
                table: "validation_images");

            migrationBuilder.DropColumn(
                name: "is_pending",
                table: "validation_images");

            migrationBuilder.DropColumn(
                name: "failing_since",
                table: "training_progress");

            migrationBuilder.DropColumn(
                name: "images_gone_at",
                table: "training_progress");

            migrationBuilder.DropColumn(
                name: "spool_id",
                table: "training_progress");

            migrationBuilder.DropColumn(
                name: "discard_reason",
                table: "spool_files");

            migrationBuilder.DropColumn(
                name: "discarded_at",
                table: "spool_files");

            migrationBuilder.DropColumn(
                name: "discarded_by_kind",
                table: "spool_files");

            migrationBuilder.DropColumn(
                name: "discarded_by_name",
                table: "spool_files");

            migrationBuilder.DropColumn(
                name: "due_at",
                table: "spool_files");

            migrationBuilder.DropColumn(
                name: "failed_runs",
                table: "spool_files");

            migrationBuilder.DropColumn(
                name: "last_error",
                table: "spool_files");

            migrationBuilder.DropColumn(
                name: "last_tried_at",
                table: "spool_files");

            migrationBuilder.DropColumn(
                name: "pod",
                table: "spool_files");

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

            migrationBuilder.RenameColumn(
                name: "spool_id",
                table: "spool_files",
                newName: "instance");

            migrationBuilder.AlterColumn<Guid>(
                name: "job_id",
                table: "spool_files",
                type: "uuid",
                nullable: false,
                defaultValue: new Guid("00000000-0000-0000-0000-000000000000"),
                oldClrType: typeof(Guid),
                oldType: "uuid",
                oldNullable: true);

            migrationBuilder.AddPrimaryKey(
                name: "pk_validation_images",
                table: "validation_images",
                columns: new[] { "lora_id", "image_index" });

            migrationBuilder.AddPrimaryKey(
                name: "pk_spool_files",
                table: "spool_files",
                column: "job_id");

            migrationBuilder.CreateIndex(
                name: "ix_spool_files_instance",
                table: "spool_files",
                column: "instance");
        }
    }
}
